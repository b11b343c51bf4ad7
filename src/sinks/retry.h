// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

namespace claviger::sinks {

// How long to wait before the next attempt: twice as long each time, from 1 s to 60 s, and of that a part that chance decides,
// so that gateways that lost the same peer do not come back to it in step.
//
// Threads: one's.
class RetryPause {
 public:
  static constexpr std::chrono::milliseconds kLeast{1000};
  static constexpr std::chrono::milliseconds kMost{60'000};

  // `chance` gives numbers from 0 to less than 1.
  explicit RetryPause(std::function<double()> chance) : chance_(std::move(chance)) {}

  // After a failure: from half of what is due to all of it, never less than kLeast.
  std::chrono::milliseconds next() {
    due_ = std::clamp(due_ * 2, kLeast, kMost);
    const double part = 0.5 + chance_() / 2;
    return std::max(kLeast, std::chrono::milliseconds(
                                static_cast<std::int64_t>(static_cast<double>(due_.count()) * part)));
  }
  void reset() noexcept { due_ = {}; }

 private:
  const std::function<double()> chance_;
  std::chrono::milliseconds due_{};
};

}  // namespace claviger::sinks
