// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace claviger::gateway {

// Whether one address of an upstream is worth sending calls to, by what came of those that were. An answer, whatever its
// status, is a success; a failure is what came to nothing before one.
//
// After three failures in a row it is out, for a second; then one call at a time is its trial. Each trial that fails doubles
// the time, up to half a minute; one that succeeds ends it.
//
// Threads: one worker's: each finds out for itself.
class EndpointHealth {
 public:
  static constexpr unsigned kFailures = 3;
  static constexpr std::chrono::milliseconds kFirstBackOff{1000};
  static constexpr std::chrono::milliseconds kLongestBackOff{30000};

  bool is_up() const noexcept { return !out_; }
  // Up, or due for a trial that is not under way.
  bool takes_calls(Monotonic now) const noexcept { return !out_ || (now >= until_ && !on_trial_); }
  // Requires: !is_up(). When its next trial is due.
  Monotonic until() const noexcept { return until_; }

  // A call is about to be sent. True when it is the trial: end_trial() must follow, once it is known what came of it.
  bool begin_call(Monotonic now) noexcept {
    if (!out_ || !takes_calls(now)) return false;
    on_trial_ = true;
    return true;
  }
  void end_trial() noexcept { on_trial_ = false; }

  void succeeded() noexcept {
    failures_ = 0;
    out_ = false;
  }
  // Of calls that were under way when it went out, none makes it worse.
  void failed(Monotonic now) noexcept {
    if (out_ && now < until_) return;
    if (!out_ && ++failures_ < kFailures) return;
    back_off_ = out_ ? std::min(back_off_ * 2, kLongestBackOff) : kFirstBackOff;
    out_ = true;
    until_ = now + back_off_;
  }

 private:
  unsigned failures_ = 0;  // in a row, while it is up
  bool out_ = false;
  bool on_trial_ = false;
  std::chrono::milliseconds back_off_{0};
  Monotonic until_{};
};

}  // namespace claviger::gateway
