// SPDX-License-Identifier: Apache-2.0
#include "gateway/credential_judge.h"

#include <algorithm>
#include <array>
#include <utility>

namespace claviger::gateway {
namespace {

using policy::CredentialState;
using Kind = Testimony::Kind;
using std::chrono::seconds;

// Too many calls and too little left are one trouble: many upstreams say 429 to both.
bool is_same_trouble(Kind a, Kind b) noexcept { return (a == Kind::kRefused) == (b == Kind::kRefused); }

CredentialState state_for(Kind kind) noexcept {
  if (kind == Kind::kRefused) return CredentialState::kInvalid;
  return kind == Kind::kExhausted ? CredentialState::kExhausted : CredentialState::kThrottled;
}

std::string_view reason_for(Kind kind) noexcept {
  if (kind == Kind::kRefused) return "refused";
  return kind == Kind::kExhausted ? "exhausted" : "throttled";
}

std::uint64_t group_of(CredentialJudge::Witness who) noexcept { return std::uint64_t{1} << (who % 64); }

}  // namespace

// --- Witnesses -----------------------------------------------------------------------------------

CredentialJudge::Entry* CredentialJudge::find(Witness who) noexcept {
  const auto found = std::ranges::find(entries_, who, &Entry::who);
  return found == entries_.end() ? nullptr : &*found;
}

// Where there is no room, the one goes that was heard last of all, those without trouble first.
CredentialJudge::Entry& CredentialJudge::entry_of(Witness who, Monotonic now) {
  if (Entry* known = find(who)) return *known;
  if (entries_.size() < kMostWitnesses) return entries_.emplace_back(Entry{.who = who, .heard = now});
  const auto oldest = std::ranges::min_element(
      entries_, {}, [](const Entry& entry) { return std::pair{is_trouble(entry.kind), entry.heard}; });
  return *oldest = Entry{.who = who, .heard = now};
}

void CredentialJudge::note_trouble(Entry& entry, const Testimony& said, Monotonic now) {
  const bool goes_on = is_trouble(entry.kind) && is_same_trouble(entry.kind, said.kind) &&
                       now < entry.counts_until + kRefusalCounts;
  if (!goes_on) {
    entry.since = now;
    entry.in_a_row = 0;
    entry.back_off = {};
  }
  // What was under way together is one word. So a burst of refusals is no longer a back-off than one.
  if (goes_on && now < entry.again) return;
  if (said.kind != Kind::kThrottled || said.retry_after.count() == 0) ++entry.in_a_row;
  else entry.in_a_row = 0;
  entry.kind = said.kind;
  if (said.kind == Kind::kThrottled && entry.in_a_row >= kThrottlesToExhaust) entry.kind = Kind::kExhausted;
  seconds counts = kRefusalCounts;
  if (entry.kind == Kind::kThrottled) {
    entry.back_off = said.retry_after.count() > 0
                         ? std::min(said.retry_after, kLongestThrottle)
                         : std::clamp(entry.back_off * 2, seconds(1), kLongestThrottle);
    counts = std::max(entry.back_off, kThrottleCounts);
  } else {
    const seconds first = entry.kind == Kind::kRefused ? kFirstRefusal : kFirstExhaustion;
    entry.back_off = std::clamp(entry.back_off * 2, first, kLongestBackOff);
    if (entry.kind == Kind::kExhausted) counts = kExhaustionCounts;
  }
  entry.again = now + entry.back_off;
  entry.counts_until = now + counts;
}

void CredentialJudge::recount(Monotonic now) {
  doubted_ = 0;
  in_trouble_ = 0;
  for (const Entry& entry : entries_) {
    if (!is_trouble(entry.kind) || now >= std::max(entry.counts_until, entry.again)) continue;
    ++in_trouble_;
    doubted_ |= group_of(entry.who);
  }
}

CredentialJudge::Tally CredentialJudge::tally(Monotonic now) const {
  std::array<unsigned, 2> of{};  // not refused, refused
  unsigned exhausted = 0;
  for (const Entry& entry : entries_) {
    if (!is_trouble(entry.kind) || now >= entry.counts_until) continue;
    ++of[entry.kind == Kind::kRefused ? 1 : 0];
    exhausted += entry.kind == Kind::kExhausted ? 1U : 0U;
  }
  Tally all;
  const bool refused = of[1] >= of[0];
  all.in_trouble = refused ? of[1] : of[0];
  if (all.in_trouble == 0) return all;
  all.kind = refused ? Kind::kRefused : exhausted * 2 > of[0] ? Kind::kExhausted : Kind::kThrottled;
  Monotonic first = Monotonic::max();
  for (const Entry& entry : entries_)
    if (is_trouble(entry.kind) && now < entry.counts_until && is_same_trouble(entry.kind, all.kind))
      first = std::min(first, entry.since);
  for (const Entry& entry : entries_)
    if (entry.kind == Kind::kGood && (entry.heard >= first || now - entry.heard < kGoodCounts)) ++all.good;
  return all;
}

// --- Judging -------------------------------------------------------------------------------------

void CredentialJudge::turn(CredentialState to, std::string_view reason, Monotonic now,
                           std::string_view actor) {
  if (to == state_) {
    reason_ = reason;
    return;
  }
  const Tally of = tally(now);
  if (changes_.size() < kMostChanges)
    changes_.push_back({state_, to, reason, of.in_trouble, of.good, std::string(actor)});
  else changes_.back().to = to;  // whoever takes them has been away for long
  if ((to == CredentialState::kActive) != (state_ == CredentialState::kActive)) ++period_;
  state_ = to;
  reason_ = reason;
  since_ = now;
}

void CredentialJudge::decide(const Entry& newest, Monotonic now) {
  const Tally of = tally(now);
  if (!is_out()) {
    if (of.in_trouble < kQuorum || of.in_trouble <= kWeightOfGood * of.good) return;
    out_ = Out::kByWitnesses;
    turn(state_for(of.kind), reason_for(of.kind), now);
    next_trial_ = now;  // whoever had no trouble finds out at once
    return;
  }
  // A trial came to nothing. Why it is out may have become another reason.
  if (out_ != Out::kByWitnesses) return;
  const Kind kind = of.in_trouble >= kQuorum ? of.kind : newest.kind;
  turn(state_for(kind), reason_for(kind), now);
}

void CredentialJudge::hear(Witness who, std::uint32_t period, const Testimony& said, Monotonic now) {
  if (said.kind == Kind::kNothing) return;
  const bool is_of_now = period == period_;
  if (said.kind == Kind::kGood) {
    if (!is_of_now || (!is_out() && in_trouble_ == 0)) return;
    Entry& entry = entry_of(who, now);
    entry = Entry{.who = who, .kind = Kind::kGood, .heard = now};
    if (is_out() && out_ == Out::kByWitnesses) {
      if (state_ != CredentialState::kRecovering) turn(CredentialState::kRecovering, "trial", now);
      turn(CredentialState::kActive, "works", now);
      std::erase_if(entries_, [](const Entry& each) { return is_trouble(each.kind); });
    }
    return recount(now);
  }
  // Of a call that was sent when it was out, and answered when it is not any more: whoever was let through since knows better.
  if (!is_of_now && !is_out()) return;
  Entry& entry = entry_of(who, now);
  entry.heard = now;
  note_trouble(entry, said, now);
  recount(now);
  if (is_of_now) decide(entry, now);
}

seconds CredentialJudge::gap(Monotonic now) const {
  if (out_ == Out::kByLogin) return kLoginTrial;
  return std::clamp(seconds(tally(now).in_trouble), seconds(1), kLongestThrottle);
}

Admittance CredentialJudge::admit(Witness who, Monotonic now) {
  if (out_ == Out::kExpired && is_out()) return {Admittance::Kind::kOut, now + kLongestBackOff};
  const Entry* const entry = find(who);
  const bool waits = entry != nullptr && is_trouble(entry->kind) && now < entry->again;
  if (!is_out()) return {waits ? Admittance::Kind::kDoubted : Admittance::Kind::kFree, {}};
  const Monotonic due = waits ? std::max(entry->again, next_trial_) : next_trial_;
  if (now < due) return {Admittance::Kind::kOut, due};
  next_trial_ = now + gap(now);
  if (out_ == Out::kByWitnesses) turn(CredentialState::kRecovering, "trial", now);
  return {Admittance::Kind::kTrial, {}};
}

void CredentialJudge::login_was_refused(Monotonic now) {
  if (out_ == Out::kExpired && is_out()) return;
  out_ = Out::kByLogin;
  next_trial_ = now + kLoginTrial;
  turn(CredentialState::kInvalid, "login_refused", now);
}

void CredentialJudge::login_was_good(Monotonic now) {
  if (!is_out() || out_ != Out::kByLogin) return;
  out_ = Out::kByWitnesses;
  turn(CredentialState::kRecovering, "trial", now);
  turn(CredentialState::kActive, "works", now);
}

void CredentialJudge::expire(Monotonic now) {
  out_ = Out::kExpired;
  turn(CredentialState::kInvalid, "expired", now);
}

void CredentialJudge::begin_anew(std::string_view reason, std::string_view actor, Monotonic now) {
  out_ = Out::kByWitnesses;
  entries_.clear();
  recount(now);
  turn(CredentialState::kActive, reason, now, actor);
}

void CredentialJudge::tick(Monotonic now) {
  recount(now);
  if (!is_out())
    std::erase_if(entries_, [now](const Entry& entry) { return now - entry.heard > kRemembered; });
}

std::vector<StateChange> CredentialJudge::take_changes() { return std::exchange(changes_, {}); }

}  // namespace claviger::gateway
