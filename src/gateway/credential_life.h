// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "gateway/credential_judge.h"

namespace claviger::gateway {

// What all workers know of one version of one credential beside its secret: whether it works, and when it was used last.
//
// Cost, as long as nobody has had trouble with it: a relaxed load for each call, and one store a second between all workers. While
// somebody has, calls of the same group of principals (1 of 64) take a lock that is held for a microsecond, and good answers one
// every few seconds for each principal.
// Threads: any.
class CredentialLife {
 public:
  CredentialLife(std::string name, std::string upstream, std::uint32_t version, WallTime last_used = {})
      : name_(std::move(name)),
        upstream_(std::move(upstream)),
        version_(version),
        last_used_(seconds_of(last_used)) {}
  CredentialLife(const CredentialLife&) = delete;
  CredentialLife& operator=(const CredentialLife&) = delete;

  const std::string& name() const noexcept { return name_; }
  const std::string& upstream() const noexcept { return upstream_; }
  std::uint32_t version() const noexcept { return version_; }

  // Not out, whoever asks.
  bool is_usable() const noexcept { return (word_.load(std::memory_order_relaxed) & kOut) == 0; }
  // Whether `principal` may use it now. In `period` what answered() has to be told.
  Admittance admit(std::string_view principal, Monotonic now, std::uint32_t& period) noexcept {
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    period = static_cast<std::uint32_t>(word >> kPeriodShift);
    if ((word & (kOut | kDoubted)) == 0) return {};
    return admit_with_care(principal, word, now, period);
  }
  void used(WallTime now) noexcept {
    const std::int64_t second = seconds_of(now);
    if (last_used_.load(std::memory_order_relaxed) < second)
      last_used_.store(second, std::memory_order_relaxed);
  }

  // What came of a call that carried it.
  void answered(std::string_view principal, std::uint32_t period, const Testimony& said,
                Monotonic now) noexcept {
    if (said.kind == Testimony::Kind::kNothing) return;
    if (said.kind == Testimony::Kind::kGood &&
        (word_.load(std::memory_order_relaxed) & (kOut | kDoubted)) == 0)
      return;
    hear(principal, period, said, now);
  }

  // Of kinds that fetch tokens: what their log-in came to. A 401 to a token says nothing of the credential.
  void login_was_refused(Monotonic now);
  void login_was_good(Monotonic now);
  // Until when what its secret is made of is good (credentials::Credential::good_until).
  void set_good_until(WallTime when) noexcept {
    good_until_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }
  WallTime good_until() const noexcept {
    return WallTime(WallTime::duration(good_until_.load(std::memory_order_relaxed)));
  }
  // It has run out.
  void expire(Monotonic now);
  // Its secret was read or set anew ("secret_set"), or an operator says that it works ("enabled"): a literal; by whom, if anybody.
  void begin_anew(std::string_view reason, std::string_view actor, Monotonic now);

  // --- For the control thread

  // Changes since the last time.
  std::vector<StateChange> tick(Monotonic now);
  // Takes up where another left off, that was of the version before or of the time before a restart.
  void was_used(WallTime when) noexcept { used(when); }

  struct View {
    policy::CredentialState state = policy::CredentialState::kActive;
    std::string_view reason;
    Monotonic since{};
    CredentialJudge::Tally doubts;  // also while it is active
  };
  View view(Monotonic now) const;
  WallTime last_used() const noexcept;  // to the second; 1970: not yet

 private:
  static constexpr std::uint64_t kOut = 1;
  static constexpr std::uint64_t kDoubted = 2;
  static constexpr unsigned kPeriodShift = 32;
  static constexpr std::size_t kHeard = 16;

  static std::int64_t seconds_of(WallTime time) noexcept {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  }
  Admittance admit_with_care(std::string_view principal, std::uint64_t word, Monotonic now,
                             std::uint32_t& period) noexcept;
  void hear(std::string_view principal, std::uint32_t period, const Testimony& said, Monotonic now) noexcept;
  void publish() noexcept;

  const std::string name_;
  const std::string upstream_;
  const std::uint32_t version_;
  std::atomic<std::uint64_t> word_{0};  // period | flags
  std::atomic<std::int64_t> last_used_;
  std::atomic<WallTime::rep> good_until_{WallTime::max().time_since_epoch().count()};
  std::atomic<std::uint64_t> steered_{0};  // CredentialJudge::doubted()
  // The last word of some principals, so that the same word again is not heard.
  std::array<std::atomic<std::uint64_t>, kHeard> heard_{};
  mutable std::mutex mutex_;
  CredentialJudge judge_;
};

}  // namespace claviger::gateway
