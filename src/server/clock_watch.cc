// SPDX-License-Identifier: Apache-2.0
#include "server/clock_watch.h"

#include <utility>

namespace claviger::server {

ClockWatch::ClockWatch(const Clock& clock, std::function<void(std::chrono::milliseconds)> jumped)
    : clock_(clock), jumped_(std::move(jumped)), monotonic_(clock.monotonic()), wall_(clock.wall()) {}

void ClockWatch::look() {
  const Monotonic monotonic = clock_.monotonic();
  const WallTime wall = clock_.wall();
  const auto step =
      std::chrono::duration_cast<std::chrono::milliseconds>((wall - wall_) - (monotonic - monotonic_));
  // Whatever it was, from now on it is what there is: a step is told of once, and drift does not add up.
  monotonic_ = monotonic;
  wall_ = wall;
  if (step > kTolerance || step < -kTolerance) jumped_(step);
}

}  // namespace claviger::server
