// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "audit/lane.h"
#include "base/check.h"

namespace claviger::gateway::testing {

// An audit lane that keeps what it is given, and has room or not as it is told.
class FakeLane final : public audit::Lane {
 public:
  bool room_left = true;
  std::vector<std::string> events;

  bool has_room() const noexcept override { return room_left; }
  std::span<char> room() noexcept override { return room_; }
  void added(std::size_t size, std::uint64_t) noexcept override {
    CLV_CHECK(size <= kMaxEvent);
    events.emplace_back(room_.data(), size);
  }
  std::uint64_t appended() const noexcept override { return events.size(); }
  std::uint64_t synced() const noexcept override { return events.size(); }

 private:
  std::vector<char> room_ = std::vector<char>(kMaxEvent);
};

}  // namespace claviger::gateway::testing
