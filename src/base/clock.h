// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace claviger {

using Monotonic = std::chrono::steady_clock::time_point;  // for deadlines and rates
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;  // for expiry and records, UTC

// Time, as a thing that is passed in: tests pass a clock that stands still.
// Threads: any.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Monotonic monotonic() const noexcept = 0;
  virtual WallTime wall() const noexcept = 0;
};

// The operating system's clocks.
class SystemClock final : public Clock {
 public:
  Monotonic monotonic() const noexcept override { return std::chrono::steady_clock::now(); }
  WallTime wall() const noexcept override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
};

}  // namespace claviger
