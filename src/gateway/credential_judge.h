// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "policy/credential_state.h"

namespace claviger::gateway {

// What an answer says of the credential that its request carried.
struct Testimony {
  enum class Kind : std::uint8_t {
    kNothing,    // of the request, of the upstream: not of the credential
    kGood,       // it was accepted
    kThrottled,  // 429
    kExhausted,  // 402
    kRefused,    // 401, and 403 that says so
  };
  Kind kind = Kind::kNothing;
  std::chrono::seconds retry_after{0};  // that the upstream asks for; 0: it does not say
};

// A change of state, for log and audit log.
struct StateChange {
  policy::CredentialState from;
  policy::CredentialState to;
  std::string_view reason;  // a literal: "throttled", "refused", "trial", "works", ...
  unsigned principals = 0;  // whose last answers say so
  unsigned against = 0;     // to whom it was good meanwhile
  std::string actor;        // of those who enable it
};

// Whether a principal's call may carry a credential.
struct Admittance {
  enum class Kind : std::uint8_t {
    kFree,
    kTrial,  // it is out, and this call finds out whether it still is
    kDoubted,  // it is not out, but this principal had better take another one
    kOut,
  };
  Kind kind = Kind::kFree;
  Monotonic again{};  // with kOut: when it is worth asking again
};

// Finds out from answers whether a credential still works, without letting one caller decide it for all.
//
// Whoever makes calls can provoke a 401 or a 429: by an odd path, by sheer number. So an answer is a witness's word, the witness is the
// principal (however many keys or connections it has), and its last word counts, once. The credential is out when at least two principals
// have had the same trouble of late, and they are more than four times as many as those to whom it was good meanwhile. Of one
// principal alone, the trouble is its own: it is steered to another credential where there is one, for as long as its own trouble is fresh.
//
// Out, it is tried: a call at a time, so many seconds apart as there are principals in trouble. A principal's trouble keeps itself from a
// trial for a while (doubled each time one comes to nothing), and nobody else, so that no two who work together can keep it from a third: its
// first call is a trial, and one good answer to a trial brings the credential back.
//
// What was sent before a change says nothing of the time after it: answers carry the period in which their call was let through.
//
// Threads: one at a time. Cost: a look at each of kMostWitnesses.
class CredentialJudge {
 public:
  static constexpr std::size_t kMostWitnesses = 64;  // the last to be heard
  static constexpr unsigned kQuorum = 2;
  static constexpr unsigned kWeightOfGood = 4;
  static constexpr std::chrono::seconds kGoodCounts{
      60};  // and for as long as the trouble that it speaks against
  static constexpr std::chrono::seconds kRefusalCounts{300};
  static constexpr std::chrono::seconds kExhaustionCounts{300};
  static constexpr std::chrono::seconds kThrottleCounts{10};  // at least, and as long as the upstream says
  static constexpr std::chrono::seconds kLongestThrottle{60};  // whatever an upstream says
  static constexpr std::chrono::seconds kFirstRefusal{30};  // back-off of a principal that was refused
  static constexpr std::chrono::seconds kFirstExhaustion{60};
  static constexpr std::chrono::seconds kLongestBackOff{300};
  static constexpr std::chrono::seconds kLoginTrial{30};  // while log-ins are refused
  static constexpr unsigned kThrottlesToExhaust =
      3;  // in a row, of a principal, none of which says for how long
  static constexpr std::chrono::seconds kRemembered{900};
  static constexpr std::size_t kMostChanges = 16;  // that wait to be taken

  using Witness = std::uint64_t;  // of a principal's name

  policy::CredentialState state() const noexcept { return state_; }
  std::string_view reason() const noexcept { return reason_; }
  Monotonic since() const noexcept { return since_; }
  // Counts the times in which it is not out, and those in which it is.
  std::uint32_t period() const noexcept { return period_; }

  // `period`: of the call's admittance.
  void hear(Witness who, std::uint32_t period, const Testimony& said, Monotonic now);
  Admittance admit(Witness who, Monotonic now);
  // A bit for each of 64 groups of principals in which somebody is to be steered away.
  std::uint64_t doubted() const noexcept { return doubted_; }
  // Whether anything is remembered against it: others' good answers are worth hearing then.
  bool is_doubted() const noexcept { return in_trouble_ > 0; }

  // The word of whoever gives out its tokens, which no caller has a part in.
  void login_was_refused(Monotonic now);
  void login_was_good(Monotonic now);
  // It has run out: no trial brings it back, only begin_anew().
  void expire(Monotonic now);
  // Another secret, another source's, or an operator who says so.
  void begin_anew(std::string_view reason, std::string_view actor, Monotonic now);
  // Once a second: what was held against it is forgotten in time.
  void tick(Monotonic now);

  struct Tally {
    unsigned in_trouble = 0;  // principals
    unsigned good = 0;  // principals, since the first of these
    Testimony::Kind kind = Testimony::Kind::kNothing;  // of most of those in trouble
  };
  Tally tally(Monotonic now) const;
  std::vector<StateChange> take_changes();

 private:
  enum class Out : std::uint8_t { kByWitnesses, kByLogin, kExpired };
  struct Entry {
    Witness who = 0;
    Testimony::Kind kind = Testimony::Kind::kNothing;  // its last word, kNothing: forgotten
    unsigned in_a_row = 0;  // of that kind of trouble
    Monotonic since{};  // its trouble
    Monotonic heard{};
    Monotonic counts_until{};
    Monotonic again{};  // when it may try
    std::chrono::seconds back_off{0};
  };
  static bool is_trouble(Testimony::Kind kind) noexcept { return kind > Testimony::Kind::kGood; }
  bool is_out() const noexcept { return state_ != policy::CredentialState::kActive; }
  Entry* find(Witness who) noexcept;
  Entry& entry_of(Witness who, Monotonic now);
  void note_trouble(Entry& entry, const Testimony& said, Monotonic now);
  void decide(const Entry& newest, Monotonic now);
  std::chrono::seconds gap(Monotonic now) const;
  void recount(Monotonic now);
  void turn(policy::CredentialState to, std::string_view reason, Monotonic now, std::string_view actor = {});

  policy::CredentialState state_ = policy::CredentialState::kActive;
  Out out_ = Out::kByWitnesses;
  std::string_view reason_;
  Monotonic since_{};
  std::uint32_t period_ = 0;
  Monotonic next_trial_{};
  std::uint64_t doubted_ = 0;
  unsigned in_trouble_ = 0;
  std::vector<Entry> entries_;  // none as long as all goes well
  std::vector<StateChange> changes_;
};

}  // namespace claviger::gateway
