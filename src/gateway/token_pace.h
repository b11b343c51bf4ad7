// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"

namespace claviger::gateway {

// When a token may be asked for again.
//
// An endpoint that refuses a secret counts that, and may lock the account after a few times: attempts are 2, 8, 32 and then 60 minutes apart,
// so that there are three in any half hour. One that cannot be asked is asked again after 1 s, and up to a minute. What calls bring about by
// having a token refused (401) is fetched for at once, and then with pauses of 5 s to 5 min: of a caller that provokes it, and of
// an upstream that refuses everything, nobody else is to suffer, least of all the endpoint.
//
// Threads: one.
class TokenPace {
 public:
  using Seconds = std::chrono::seconds;
  static constexpr Seconds kFirstRefusal{120};
  static constexpr Seconds kLongestRefusal{3600};
  static constexpr Seconds kFirstFailure{1};
  static constexpr Seconds kLongestFailure{60};
  static constexpr Seconds kLongestAsked{600};  // that an endpoint's Retry-After can say
  static constexpr Seconds kFirstLoss{5};
  static constexpr Seconds kLongestLoss{300};
  static constexpr Seconds kFirstInVain{60};

  // No attempt before.
  Monotonic next() const noexcept { return next_; }
  bool is_due(Monotonic now) const noexcept { return now >= next_; }

  void succeeded() noexcept {
    refusals_ = failures_ = 0;
    next_ = {};
  }
  // `spread` from 0 to 1: later by so much of a quarter, so that those who failed together do not come together again.
  void was_refused(Monotonic now, double spread) noexcept;
  void failed(Monotonic now, std::optional<Seconds> retry_after, double spread) noexcept;

  // A token was refused: whether that is worth another one now.
  bool may_renew(Monotonic now) noexcept;
  // The next one was as well.
  void renewed_in_vain(Monotonic now) noexcept;

 private:
  int refusals_ = 0;
  int failures_ = 0;
  Monotonic next_{};
  Monotonic last_loss_{};
  Monotonic next_renewal_{};
  Seconds pause_{0};  // after the last renewal
};

}  // namespace claviger::gateway
