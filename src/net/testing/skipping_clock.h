// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"

namespace claviger::net::testing {

// The real clock, with a way to let time pass at once.
class SkippingClock final : public Clock {
 public:
  Monotonic monotonic() const noexcept override { return real_.monotonic() + skipped_; }
  WallTime wall() const noexcept override { return real_.wall(); }
  void skip(std::chrono::milliseconds time) noexcept { skipped_ += time; }

 private:
  SystemClock real_;
  std::chrono::milliseconds skipped_{0};
};

}  // namespace claviger::net::testing
