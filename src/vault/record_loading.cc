// SPDX-License-Identifier: Apache-2.0
#include "vault/record_loading.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "vault/record_verdict.h"

namespace claviger::vault {
namespace {

// What whoever writes the database can make this keep.
constexpr std::size_t kMaxFaults = 10'000;
constexpr std::size_t kMaxShownName = 256;

std::string_view word_of(PartState state) noexcept {
  switch (state) {
    case PartState::kMissing:
      return "was removed";
    case PartState::kAltered:
      return "was altered";
    default:
      return "is an older version, put back";
  }
}

bool precedes(const RegisterEntry& a, const RegisterEntry& b) noexcept {
  return std::tie(a.kind, a.name) < std::tie(b.kind, b.name);
}

}  // namespace

Error stale_head() {
  return {Code::kInternal, Blame::kOperator,
          "the register of records is not of the store's revision: a part of the store was put back, and no "
          "record can "
          "be believed; restore all of it from one backup"};
}

Error changed_meanwhile() {
  return {Code::kConflict, Blame::kGateway, "the store was changed by somebody else meanwhile"};
}

Result<RegisterHead> read_current_head(KeyHolder& keys, store::Store& store, store::Revision revision) {
  RegisterHead head = CLV_TRY(read_head(keys, store));
  // Asked afterwards, so that a change in between is not taken for an attack.
  if (CLV_TRY(store.head()) != revision) return changed_meanwhile();
  if (head.revision != revision) return stale_head();
  return head;
}

bool is_newer_than(const RegisterHead& head, const store::Record& record, Verdict verdict) noexcept {
  const bool is_own = verdict == Verdict::kNeverCommitted || verdict == Verdict::kUnknown;
  return is_own && record.revision > head.revision;
}

Result<void> RecordLoading::read_register(store::Store& store, store::Revision revision) {
  head_ = CLV_TRY(read_current_head(keys_, store, revision));
  parts_.resize(kRegisterParts);
  for (std::size_t i = 0; i < kRegisterParts; ++i) {
    const auto number = static_cast<std::uint8_t>(i);
    const PartState state = CLV_TRY(read_part(keys_, store, head_, number, parts_[i]));
    if (state == PartState::kNewer) return stale_head();
    trusted_[i] = state == PartState::kGood && head_.parts[i].distrusted_since == 0;
    note_part(number, state);
    entries_.insert(entries_.end(), parts_[i].entries.begin(), parts_[i].entries.end());
    std::vector<RegisterEntry>().swap(parts_[i].entries);
  }
  std::ranges::sort(entries_, precedes);
  seen_.resize(entries_.size());
  return ok();
}

void RecordLoading::note_part(std::uint8_t number, PartState state) {
  const store::Revision since = head_.parts[number].distrusted_since;
  const std::string part = "part " + part_name(number).substr(kRegisterPrefix.size()) + " of the register ";
  if (state != PartState::kGood) {
    note("", "", part + std::string(word_of(state)));
  } else if (since != 0) {
    note("", "",
         part + "was altered before revision " + std::to_string(since) +
             ": records that were written since then count, others may be missing");
  }
}

std::size_t RecordLoading::find(const store::Record& record) const noexcept {
  const RegisterEntry wanted{.kind = record.kind, .name = record.name};
  const auto found = std::ranges::lower_bound(entries_, wanted, precedes);
  if (found == entries_.end() || precedes(wanted, *found)) return entries_.size();
  return static_cast<std::size_t>(found - entries_.begin());
}

Result<bool> RecordLoading::admit(const store::Record& record) {
  const std::size_t at = find(record);
  const bool is_known = at < entries_.size();
  const bool is_trusted = is_known || trusted_[place_of(keys_, record.kind, record.name)];
  const Verdict verdict = judge(keys_, record, is_known ? &entries_[at] : nullptr, is_trusted);
  if (is_newer_than(head_, record, verdict)) return stale_head();
  const bool is_double = is_known && seen_[at] == Seen::kGood;
  const bool is_good = verdict == Verdict::kGood && !is_double;
  if (is_known && seen_[at] != Seen::kGood) seen_[at] = is_good ? Seen::kGood : Seen::kFaulty;
  if (!is_good)
    note(record.kind, record.name, verdict == Verdict::kGood ? "is there twice" : word_of(verdict));
  return is_good;
}

void RecordLoading::note(std::string_view kind, std::string_view name, std::string_view what) {
  if (faults_.size() >= kMaxFaults) {
    ++unnamed_;
    return;
  }
  faults_.push_back({.kind = std::string(kind.substr(0, kMaxShownName)),
                     .name = std::string(name.substr(0, kMaxShownName)),
                     .what = std::string(what)});
}

std::vector<RecordFault> RecordLoading::finish() && {
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (seen_[i] == Seen::kNot) note(entries_[i].kind, entries_[i].name, "was removed");
  if (unnamed_ != 0) {
    faults_.push_back({.kind = "",
                       .name = "",
                       .what = std::to_string(unnamed_) + " more records are not what they should be"});
  }
  return std::move(faults_);
}

}  // namespace claviger::vault
