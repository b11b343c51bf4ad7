// SPDX-License-Identifier: Apache-2.0
// What is planned is sent, unit by unit, and told.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/document.h"
#include "doors/externaldns/applying.h"
#include "doors/externaldns/names.h"
#include "net/pause.h"

namespace claviger::doors::externaldns {
namespace {

// After so many calls in vain, one after the other, a node is left alone until the next cycle.
constexpr std::size_t kMostInVain = 4;
// Of a name that has no answer meanwhile.
constexpr std::chrono::milliseconds kAgain{250};
constexpr std::size_t kMostReason = 1024;
// Of the texts of a record that is to be remembered: the registry's take some hundred.
constexpr std::size_t kMostOrphan = std::size_t{4} << 10;

std::chrono::milliseconds time_for_the_last(std::chrono::milliseconds deadline) {
  return std::min<std::chrono::milliseconds>(deadline / 8, std::chrono::seconds(1));
}

bool is_done(const ChangeAnswer& answer) noexcept {
  return answer.change == Change::kDone || answer.change == Change::kWasSo;
}

// A record that is in the place now for which room was made, or that had to go for the same.
bool is_for_the_same(const std::vector<SetChange>& changes, const SetChange& before,
                     const SetChange& change) {
  if (before.name != change.name || !before.is_removal()) return false;  // of most: there may be a thousand
  if (makes_room(before, change)) return true;
  return std::ranges::any_of(
      changes, [&](const SetChange& want) { return makes_room(before, want) && makes_room(change, want); });
}

// How many calls there must be time for before this one is begun: where it makes room, also those that go on with that.
unsigned calls_to_end(const std::vector<SetChange>& changes, std::size_t which) {
  for (const SetChange& want : changes) {
    if (!makes_room(changes[which], want)) continue;
    unsigned calls = 1;
    for (std::size_t i = which; i < changes.size(); ++i) calls += makes_room(changes[i], want) ? 1 : 0;
    return calls;
  }
  return 1;
}

}  // namespace

// For one call: those that hang must not take the time of all.
Monotonic Applying::patience() const noexcept {
  return std::min(until_, loop_.now() + options_.deadline / 3);
}

bool Applying::has_time(unsigned calls) const {
  return loop_.now() + calls * time_for_the_last(options_.deadline) < until_;
}

bool Applying::is_hopeless(const Node& node) const {
  const auto in_vain = in_vain_.find(node_text(node));
  return in_vain != in_vain_.end() && in_vain->second >= kMostInVain;
}

net::Task<void> Applying::work(Job& job) {
  std::vector<Stop> stops(job.plans.size());
  for (std::size_t i = 0; i < job.plans.size(); ++i) {
    // Of what is wrong in itself, its owner's record is not written either.
    if (!job.plans[i].refusal.empty()) stops[i] = {.why = job.plans[i].refusal, .is_for_good = true};
  }
  for (std::size_t i = 0; i < job.plans.size(); ++i) {
    const SetChange& change = job.unit->changes[i];
    const SetPlan& plan = job.plans[i];
    if (!plan.refusal.empty()) {
      tell(change, plan, Outcome::kRefused, {}, {}, plan.refusal);
      continue;
    }
    stops[i].why = why_not_yet(job, i, stops);
    if (!stops[i].why.empty()) tell(change, plan, Outcome::kLeft, {}, {}, stops[i].why);
    else if (plan.steps.empty()) tell(change, plan, Outcome::kUnchanged, {}, {}, {});
    else if (options_.dry_run) tell(change, plan, Outcome::kDryRun, {}, {}, {});
    else co_await work_on(job, i, stops);
  }
  note_orphans(job, stops);
}

// The second half of something: the owner's record of what was deleted, or what another was deleted for. It may use the time to the
// very end.
bool Applying::is_second_half(const Job& job, std::size_t which) {
  const std::vector<SetChange>& changes = job.unit->changes;
  const SetChange& change = changes[which];
  for (std::size_t i = 0; i < which; ++i) {
    if (job.plans[i].steps.empty()) continue;
    if (is_for_the_same(changes, changes[i], change)) return true;
    if (change.is_removal() && is_about(change, changes[i])) return true;
  }
  return false;
}

// Whether the name has lost an answer for it for certain: then it is tried again and again.
bool Applying::is_urgent(const Job& job, std::size_t which, const std::vector<Stop>& stops) {
  const std::vector<SetChange>& changes = job.unit->changes;
  for (std::size_t i = 0; i < which; ++i) {
    if (job.plans[i].steps.empty() || !stops[i].why.empty()) continue;
    if (is_for_the_same(changes, changes[i], changes[which])) return true;
  }
  return false;
}

std::string Applying::why_not_yet(const Job& job, std::size_t which, const std::vector<Stop>& stops) const {
  const SetChange& change = job.unit->changes[which];
  const Zone& zone = zones_.find(change.zone)->second;
  if (!zone.why_not.empty()) return zone.why_not;
  const Zone* const owned = is_finishing_ ? zone_of_owned(change) : nullptr;
  if (owned != nullptr && !owned->why_not.empty()) return owned->why_not;
  if (job.plans[which].steps.empty()) return {};
  if (std::string by = held_back_by(job.unit->changes, which, stops); !by.empty()) return by;
  const bool is_second = is_second_half(job, which);
  if (is_second ? loop_.now() >= until_ : !has_time(calls_to_end(job.unit->changes, which)))
    return "there was no time for it";
  return is_second || !is_hopeless(zone.primary) ? "" : "calls before it failed";
}

// ExternalDNS sees nothing of a registry's record whose record is gone, and would leave it there for good.
void Applying::note_orphans(const Job& job, const std::vector<Stop>& stops) {
  const std::vector<SetChange>& changes = job.unit->changes;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const SetChange& change = changes[i];
    if (!change.is_registry || !change.is_removal() || change.owned.empty()) continue;
    if (stops[i].why.empty() || stops[i].is_for_good) continue;
    std::size_t bytes = 0;
    for (const std::string& target : change.old) bytes += target.size();
    if (bytes > kMostOrphan) continue;
    bool may_be_gone = true;
    for (std::size_t j = 0; j < changes.size(); ++j)
      may_be_gone =
          may_be_gone && (!is_about(change, changes[j]) || stops[j].why.empty() || stops[j].may_be_done);
    if (!may_be_gone) continue;
    applied_.orphans.push_back({.dns_name = change.shown,
                                .targets = change.old,
                                .record_type = std::string(type_name(RecordType::kTxt)),
                                .labels = {{std::string(kOwnedRecordLabel), change.owned}}});
  }
}

net::Task<ChangeAnswer> Applying::carry_out(const SetChange& change, const Step& step, bool may_repeat,
                                            std::vector<std::string>& request_ids) {
  const Node node = zones_.find(change.zone)->second.primary;
  bool may_be_done = false;  // by a try before
  while (true) {
    std::string form;
    append_form_field(form, "domain", change.name);
    append_form_field(form, "zone", change.zone);
    append_form_field(form, "type", type_name(change.record_type));
    form += step.form;
    ChangeAnswer answer = co_await server_.change(node, step.path, std::move(form), patience());
    if (!answer.request_id.empty()) request_ids.push_back(answer.request_id);
    // "Record already exists. Use overwrite option ..."
    if (may_be_done && answer.change == Change::kRefused &&
        answer.reason.starts_with("Record already exists"))
      answer.change = Change::kWasSo;
    if (is_done(answer)) {
      in_vain_.erase(node_text(node));
      co_return answer;
    }
    const bool is_sent = answer.change == Change::kRefused || answer.change == Change::kFailed;
    if (is_sent) map_.forget();  // who is primary may be another now
    if (answer.change != Change::kRefused) ++in_vain_[node_text(node)];
    may_be_done = may_be_done || answer.change == Change::kFailed;
    const bool may_end_otherwise = answer.change == Change::kFailed || answer.change == Change::kNotSent;
    if (!may_repeat || !may_end_otherwise || loop_.now() + kAgain >= until_) {
      if (may_be_done && !is_sent) answer.change = Change::kFailed;
      co_return answer;
    }
    co_await net::Pause(loop_, kAgain);
  }
}

net::Task<void> Applying::work_on(Job& job, std::size_t which, std::vector<Stop>& stops) {
  const std::vector<SetChange>& changes = job.unit->changes;
  const SetChange& change = changes[which];
  const SetPlan& plan = job.plans[which];
  const std::string upstream = zones_.find(change.zone)->second.primary.upstream;
  const bool makes_room_for_another = calls_to_end(changes, which) > 1;
  const bool may_repeat = is_urgent(job, which, stops);
  std::vector<std::string> request_ids;
  for (const Step& step : plan.steps) {
    const bool is_first = &step == &plan.steps.front();
    // Those that remain answer still.
    if (loop_.now() >= until_ || (!is_first && makes_room_for_another && !has_time(1))) {
      stops[which].why = "there was no time for all of it";
      co_return tell(change, plan, Outcome::kFailed, upstream, request_ids, stops[which].why);
    }
    const ChangeAnswer answer = co_await carry_out(change, step, may_repeat, request_ids);
    if (is_done(answer)) continue;
    const bool is_last = &step == &plan.steps.back();
    stops[which] = {.why = answer.reason,
                    .is_for_good = answer.change == Change::kRefused,
                    .may_be_done = answer.change == Change::kFailed && is_last};
    const bool is_begun = answer.change == Change::kFailed || answer.change == Change::kRefused || !is_first;
    tell(change, plan, is_begun ? Outcome::kFailed : Outcome::kLeft, upstream, request_ids, answer.reason);
    co_return;
  }
  tell(change, plan, Outcome::kDone, upstream, request_ids, {});
}

void Applying::tell(const SetChange& change, const SetPlan& plan, Outcome outcome, std::string_view upstream,
                    const std::vector<std::string>& request_ids, std::string_view reason) {
  switch (outcome) {
    case Outcome::kDone:
      ++applied_.done;
      break;
    case Outcome::kUnchanged:
      ++applied_.unchanged;
      break;
    case Outcome::kDryRun:
      ++applied_.dry_run;
      break;
    case Outcome::kRefused:
      ++applied_.refused;
      break;
    case Outcome::kFailed:
      ++applied_.failed;
      break;
    case Outcome::kLeft:
      ++applied_.left;
      break;
  }
  if (!reason.empty() && applied_.reason.size() < kMostReason) {
    const std::string said = fmt::format("{} {}: {}", base::printable_name(change.shown),
                                         base::printable_name(change.type), reason);
    // Of what holds for many, once.
    if (applied_.reason.find(reason) == std::string::npos)
      applied_.reason += (applied_.reason.empty() ? "" : "; ") + said;
    if (applied_.reason.size() > kMostReason) applied_.reason.resize(kMostReason);
  }
  if (!hooks_.record_changed) return;
  hooks_.record_changed({.zone = change.zone,
                         .name = change.shown,
                         .type = change.type,
                         .before = plan.before,
                         .after = plan.after,
                         .added = plan.added,
                         .removed = plan.removed,
                         .upstream = upstream,
                         .request_ids = request_ids,
                         .outcome = outcome,
                         .reason = reason});
}

}  // namespace claviger::doors::externaldns
