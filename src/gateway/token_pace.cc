// SPDX-License-Identifier: Apache-2.0
#include "gateway/token_pace.h"

#include <algorithm>

namespace claviger::gateway {
namespace {

using Seconds = TokenPace::Seconds;

Seconds grown(Seconds first, int times, int factor, Seconds most) noexcept {
  Seconds delay = first;
  for (int i = 1; i < times && delay < most; ++i) delay *= factor;
  return std::min(delay, most);
}

Monotonic later(Monotonic now, Seconds delay, double spread) noexcept {
  const auto extra = std::chrono::duration<double>(delay) * (spread / 4);
  return now + delay + std::chrono::duration_cast<Monotonic::duration>(extra);
}

}  // namespace

void TokenPace::was_refused(Monotonic now, double spread) noexcept {
  next_ = later(now, grown(kFirstRefusal, ++refusals_, 4, kLongestRefusal), spread);
}

void TokenPace::failed(Monotonic now, std::optional<Seconds> retry_after, double spread) noexcept {
  const Seconds delay = grown(kFirstFailure, ++failures_, 2, kLongestFailure);
  const Seconds asked = std::min(retry_after.value_or(Seconds(0)), kLongestAsked);
  // Refused before, it may still be counting.
  const Seconds least = refusals_ > 0 ? grown(kFirstRefusal, refusals_, 4, kLongestRefusal) : Seconds(0);
  next_ = later(now, std::max({delay, asked, least}), spread);
}

bool TokenPace::may_renew(Monotonic now) noexcept {
  if (now < next_renewal_ || !is_due(now)) return false;
  // What has been quiet for long begins anew.
  const bool is_again = pause_ > Seconds(0) && now - last_loss_ < 10 * pause_;
  pause_ = is_again ? std::min(2 * pause_, kLongestLoss) : kFirstLoss;
  last_loss_ = now;
  next_renewal_ = now + pause_;
  return true;
}

void TokenPace::renewed_in_vain(Monotonic now) noexcept {
  pause_ = std::clamp(2 * pause_, kFirstInVain, kLongestLoss);
  next_renewal_ = std::max(next_renewal_, now + pause_);
}

}  // namespace claviger::gateway
