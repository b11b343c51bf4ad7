// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace claviger::audit {

// For how long the writer puts off a sync that calls wait for (strict mode), so that one does for more of them.
//
// Callers that make one call after the other come back together, a moment after the sync that let them go. Were the next sync begun
// for the first of them, all others would miss it and wait for two; and so on, for ever, in two halves. So the writer waits for
// those who come back: only where that is short beside a sync, and only while they do come, at a pace at which all are back before a
// sync's time is over. Where they do not, a quarter of a sync's time was lost, and it is not tried again for a while, which doubles.
//
// Threads: the writer's.
class Gathering {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  // A sync that took so long is over, and `released` calls were let go.
  void synced(Duration took, Time over, std::size_t released) noexcept;
  // A sync is wanted, and `back` calls have come since the last one was over. Whether to wait a little longer.
  bool goes_on(Time now, std::size_t back) noexcept;

  // How long to wait before it is asked again.
  Duration step() const noexcept { return std::clamp<Duration>(takes_ / 32, kJustOver, kWorthwhile); }

  // What comes so soon after a sync had waited for it to be over, and is nobody who comes back.
  bool is_just_over(Time now) const noexcept { return now - over_ < kJustOver; }

 private:
  // Of few callers, or beside a sync so short, nothing can be won.
  static constexpr std::size_t kCrowd = 4;
  static constexpr Duration kWorthwhile = std::chrono::microseconds(400);
  static constexpr Duration kJustOver = std::chrono::microseconds(80);
  static constexpr unsigned kMostMisses = 7;

  Time over_{};
  Duration takes_{};  // a sync, on average
  std::size_t released_ = 0;
  unsigned misses_ = 0;  // in a row
  std::uint64_t pause_ = 0;  // syncs until it is tried again
};

}  // namespace claviger::audit
