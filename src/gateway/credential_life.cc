// SPDX-License-Identifier: Apache-2.0
#include "gateway/credential_life.h"

#include <functional>
#include <utility>

namespace claviger::gateway {
namespace {

// Names are given by those who run the gateway: they need no secret hash.
CredentialJudge::Witness witness_of(std::string_view principal) noexcept {
  return std::hash<std::string_view>{}(principal);
}

// For so long, the same word of the same principal is one.
constexpr std::chrono::seconds kSameWord{1};

}  // namespace

void CredentialLife::publish() noexcept {
  steered_.store(judge_.doubted(), std::memory_order_relaxed);
  const std::uint64_t out = judge_.state() == policy::CredentialState::kActive ? 0 : kOut;
  const std::uint64_t doubted = judge_.is_doubted() ? kDoubted : 0;
  word_.store((std::uint64_t{judge_.period()} << kPeriodShift) | out | doubted, std::memory_order_relaxed);
}

Admittance CredentialLife::admit_with_care(std::string_view principal, std::uint64_t word, Monotonic now,
                                           std::uint32_t& period) noexcept {
  const auto who = witness_of(principal);
  const std::uint64_t group = std::uint64_t{1} << (who % 64);
  if ((word & kOut) == 0 && (steered_.load(std::memory_order_relaxed) & group) == 0) return {};
  const std::scoped_lock lock(mutex_);
  const Admittance admittance = judge_.admit(who, now);
  period = judge_.period();
  publish();
  return admittance;
}

void CredentialLife::hear(std::string_view principal, std::uint32_t period, const Testimony& said,
                          Monotonic now) noexcept {
  const auto who = witness_of(principal);
  const auto when = static_cast<std::uint64_t>(now.time_since_epoch() / kSameWord);
  // Who, in 32 bits; in which period, in 8; what, in 4; when, in 20.
  const std::uint64_t word = (who & ~std::uint64_t{0xFFFFFFFF}) | (std::uint64_t{period & 0xFF} << 24) |
                             (static_cast<std::uint64_t>(said.kind) << 20) | (when & 0xFFFFF);
  std::atomic<std::uint64_t>& place = heard_[who % kHeard];
  if (place.load(std::memory_order_relaxed) == word) return;
  place.store(word, std::memory_order_relaxed);
  const std::scoped_lock lock(mutex_);
  judge_.hear(who, period, said, now);
  publish();
}

void CredentialLife::login_was_refused(Monotonic now) {
  const std::scoped_lock lock(mutex_);
  judge_.login_was_refused(now);
  publish();
}

void CredentialLife::login_was_good(Monotonic now) {
  const std::scoped_lock lock(mutex_);
  judge_.login_was_good(now);
  publish();
}

void CredentialLife::expire(Monotonic now) {
  const std::scoped_lock lock(mutex_);
  judge_.expire(now);
  publish();
}

void CredentialLife::begin_anew(std::string_view reason, std::string_view actor, Monotonic now) {
  const std::scoped_lock lock(mutex_);
  judge_.begin_anew(reason, actor, now);
  publish();
}

std::vector<StateChange> CredentialLife::tick(Monotonic now) {
  const std::scoped_lock lock(mutex_);
  judge_.tick(now);
  publish();
  return judge_.take_changes();
}

CredentialLife::View CredentialLife::view(Monotonic now) const {
  const std::scoped_lock lock(mutex_);
  return {judge_.state(), judge_.reason(), judge_.since(), judge_.tally(now)};
}

WallTime CredentialLife::last_used() const noexcept {
  return WallTime(std::chrono::seconds(last_used_.load(std::memory_order_relaxed)));
}

}  // namespace claviger::gateway
