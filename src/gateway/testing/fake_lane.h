// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "audit/lane.h"
#include "base/check.h"

namespace claviger::gateway::testing {

// An audit lane that keeps what it is given, has room or not, and a disk behind it or not, as it is told.
class FakeLane final : public audit::Lane {
 public:
  bool room_left = true;
  bool disk_works = true;  // everything is on disk at once; else when sync() says so
  bool failing = false;
  std::vector<std::string> events;
  std::vector<audit::CallMark> marks;  // of the events
  unsigned hurries = 0;
  std::function<void()> on_progress;

  // The first `count` events of all are on disk now.
  void sync(std::uint64_t count) {
    on_disk_ = std::max(on_disk_, count);
    tell();
  }
  void sync() { sync(events.size()); }
  void fail(bool fails) {
    failing = fails;
    tell();
  }

  bool has_room(Monotonic) const noexcept override { return room_left; }
  std::span<char> room() noexcept override { return room_; }
  void added(std::size_t size, std::uint64_t, audit::CallMark mark) noexcept override {
    CLV_CHECK(size <= kMaxEvent);
    events.emplace_back(room_.data(), size);
    marks.push_back(mark);
  }
  void hurry() noexcept override { ++hurries; }
  std::uint64_t appended() const noexcept override { return events.size(); }
  std::uint64_t synced() const noexcept override { return disk_works ? events.size() : on_disk_; }
  bool is_failing() const noexcept override { return failing; }

 private:
  void tell() const {
    if (on_progress) on_progress();
  }

  std::vector<char> room_ = std::vector<char>(kMaxEvent);
  std::uint64_t on_disk_ = 0;
};

}  // namespace claviger::gateway::testing
