// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <vector>

#include "audit/lane.h"

namespace claviger::registry::testing {

// A lane that keeps its events, and is synced at once unless told otherwise.
class MemoryLane final : public audit::Lane {
 public:
  bool has_room(Monotonic) const noexcept override { return has_room_; }
  std::span<char> room() noexcept override { return room_; }
  void added(std::size_t size, std::uint64_t outbox, audit::CallMark) noexcept override {
    events_.emplace_back(room_.data(), size);
    outbox_.push_back(outbox);
  }
  void hurry() noexcept override {}
  std::uint64_t appended() const noexcept override { return events_.size(); }
  std::uint64_t synced() const noexcept override { return syncs_ ? events_.size() : 0; }
  bool is_failing() const noexcept override { return false; }

  void stop_syncing() noexcept { syncs_ = false; }
  void sync_again() noexcept { syncs_ = true; }
  const std::vector<std::string>& events() const noexcept { return events_; }
  const std::vector<std::uint64_t>& outbox() const noexcept { return outbox_; }

 private:
  std::array<char, kMaxEvent> room_{};
  std::vector<std::string> events_;
  std::vector<std::uint64_t> outbox_;
  bool has_room_ = true;
  bool syncs_ = true;
};

}  // namespace claviger::registry::testing
