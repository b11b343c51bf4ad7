// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"

namespace claviger::base::testing {

// Stands still until told otherwise. Starts at 2026-01-01T00:00:00Z.
class FakeClock final : public Clock {
 public:
  Monotonic monotonic() const noexcept override { return monotonic_; }
  WallTime wall() const noexcept override { return wall_; }

  void advance(std::chrono::microseconds by) {
    monotonic_ += by;
    wall_ += by;
  }
  void set_wall(WallTime to) { wall_ = to; }

 private:
  Monotonic monotonic_{std::chrono::hours(1)};
  WallTime wall_{std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)};
};

}  // namespace claviger::base::testing
