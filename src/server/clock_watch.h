// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

#include "base/clock.h"

namespace claviger::server {

// Notices when somebody sets the wall clock. Expiries and quotas go by it, and the audit log's times: an operator
// who reads that it jumped knows what to make of them. Nothing else depends on this.
//
// What is compared is how far each of the two clocks came since the last look. NTP that slews, and an
// oscillator that drifts, move them apart by less than a thousandth; a look that comes late counts
// with both. The clocks are read one after the other, so a thread that is stopped in between seems to be a step;
// of two seconds it never is.
//
// Threads: one.
class ClockWatch {
 public:
  static constexpr std::chrono::seconds kTolerance{2};

  // `jumped` gets the size of a step: below zero when the clock was set back.
  ClockWatch(const Clock& clock, std::function<void(std::chrono::milliseconds step)> jumped);

  // Once a second. Tells of a step of more than kTolerance, once.
  void look();

 private:
  const Clock& clock_;
  std::function<void(std::chrono::milliseconds)> jumped_;
  Monotonic monotonic_;
  WallTime wall_;
};

}  // namespace claviger::server
