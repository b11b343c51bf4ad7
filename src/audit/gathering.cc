// SPDX-License-Identifier: Apache-2.0
#include "audit/gathering.h"

#include <algorithm>

namespace claviger::audit {

void Gathering::synced(Duration took, Time over, std::size_t released) noexcept {
  takes_ = takes_ == Duration{} ? took : takes_ + (took - takes_) / 8;
  over_ = over;
  released_ = released;
  if (pause_ > 0) --pause_;
}

bool Gathering::goes_on(Time now, std::size_t back) noexcept {
  if (pause_ > 0 || released_ < kCrowd || takes_ < kWorthwhile) return false;
  const Duration elapsed = now - over_;
  // They took their time, and whoever is first is served first.
  if (elapsed >= takes_) return false;
  if (back * 8 >= released_ * 7) {
    misses_ = 0;
    return false;
  }
  if (elapsed < takes_ / 4) return true;
  // So many more as there are, in as much time again, until three quarters of a sync's time are over.
  const auto weighed = [](std::size_t calls, Duration time) {
    return static_cast<double>(calls) * static_cast<double>(time.count());
  };
  if (weighed(back, takes_ * 3 / 4) >= weighed(released_, elapsed)) return true;
  misses_ = std::min(misses_ + 1, kMostMisses);
  pause_ = std::uint64_t{1} << misses_;
  return false;
}

}  // namespace claviger::audit
