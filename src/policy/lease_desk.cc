// SPDX-License-Identifier: Apache-2.0
#include "policy/lease_desk.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace claviger::policy {
namespace {

Error cannot_save(const Error& reason) {
  return Error::formatted(Code::kUnavailable, Blame::kOperator,
                          "the counters of quotas cannot be saved, and no call is let through uncounted: " +
                              std::string(reason.what()));
}

Error stopping() { return Error(Code::kUnavailable, Blame::kGateway, "the gateway is stopping"); }

}  // namespace

LeaseDesk::LeaseDesk(QuotaCells& cells, LeaseStorage storage) : cells_(cells), storage_(std::move(storage)) {}

void LeaseDesk::load(std::vector<SavedLease> saved) {
  for (SavedLease& lease : saved) {
    Counter& counter = counters_[std::move(lease.name)];
    counter.window = static_cast<std::int64_t>(std::min<std::uint64_t>(lease.window, INT64_MAX / 2));
    counter.leased = counter.used = lease.leased;
  }
}

void LeaseDesk::ask(const LeaseRequest& request, Done done) {
  if (is_stopping_) {
    if (done) done(stopping());
    return;
  }
  const auto [found, is_new] = counters_.try_emplace(request.grant + "/" + request.principal);
  Counter& counter = found->second;
  if (const auto seated = seat(counter, request.key); !seated.has_value()) {
    if (is_new) counters_.erase(found);
    if (done) done(seated.error());
    return;
  }
  counter.quota = request.quota;
  const std::int64_t window = window_start(request.quota, request.now);
  counter.wanted_window = std::max({counter.wanted_window, counter.window, window});
  std::vector<Answer> answers;
  if (done) counter.waiting.push_back({std::move(done), window, request.now});
  if (!counter.is_queued && needs_save(counter, answers)) {
    counter.is_queued = true;
    queue_.push_back(&*found);
    if (!is_saving_) save_queued();
  }
  for (const Answer& answer : answers) answer.done(answer.decision);
}

// Sees to it that the counter has a cell.
Result<void> LeaseDesk::seat(Counter& counter, std::uint64_t key) {
  if (counter.cell != nullptr) return ok();
  counter.cell = cells_.add(key);
  if (counter.cell == nullptr)
    return Error::formatted(
        Code::kUnavailable, Blame::kOperator,
        "no more than " + std::to_string(cells_.size()) +
            " quotas of principals can be counted at a time; fewer grants with quotas, or "
            "fewer principals that share one, are needed");
  counter.lease = {};
  return ok();
}

// What can be done without saving is done: false when that was all.
bool LeaseDesk::needs_save(Counter& counter, std::vector<Answer>& answers) {
  if (counter.wanted_window > counter.window) return true;
  // The first time since the start, another quota than before, or somebody waits for what may be there by now.
  if (counter.lease.calls != counter.quota.calls || !counter.waiting.empty())
    reopen(counter, counter.window, counter.leased, answers);
  if (counter.lease.beyond == 0) return false;
  return !counter.waiting.empty() || cells_.left(*counter.cell) <= lease_block(counter.quota) / 2;
}

SavedLease LeaseDesk::plan(const std::string& name, const Counter& counter) const {
  const std::uint64_t leased = counter.wanted_window == counter.window ? counter.leased : 0;
  const std::uint64_t beyond = counter.quota.calls - std::min(leased, counter.quota.calls);
  // Those who wait have theirs at once: there must be something left for those who come after them.
  const std::uint64_t more = lease_block(counter.quota) + counter.waiting.size();
  return {name, static_cast<std::uint64_t>(counter.wanted_window), leased + std::min(beyond, more)};
}

// Gives out what is leased and not used: first to those who wait, then to whoever takes. `leased` has been saved.
void LeaseDesk::reopen(Counter& counter, std::int64_t window, std::uint64_t leased,
                       std::vector<Answer>& answers) {
  const std::uint32_t left = cells_.close(*counter.cell);
  counter.used = window == counter.window ? counter.used + (counter.lease.left - left) : 0;
  counter.window = window;
  counter.leased = leased;
  const std::uint64_t calls = counter.quota.calls;
  const std::uint64_t usable = std::min(leased, calls);
  counter.lease = {window, calls, calls - usable, 0};
  serve_waiting(counter, usable, answers);
  const std::uint64_t open = usable > counter.used ? usable - counter.used : 0;
  counter.lease.left = static_cast<std::uint32_t>(std::min<std::uint64_t>(open, UINT32_MAX));
  cells_.open(*counter.cell, counter.lease);
}

void LeaseDesk::serve_waiting(Counter& counter, std::uint64_t usable, std::vector<Answer>& answers) {
  using Kind = QuotaDecision::Kind;
  std::vector<Waiting> later;
  for (Waiting& each : counter.waiting) {
    const bool is_open = counter.used < usable;
    if (each.window > counter.window || (!is_open && counter.lease.beyond > 0)) {
      later.push_back(std::move(each));
      continue;
    }
    if (is_open) ++counter.used;
    const std::uint64_t remaining = is_open ? counter.quota.calls - counter.used : 0;
    answers.push_back({std::move(each.done),
                       {is_open ? Kind::kTaken : Kind::kExhausted, remaining,
                        seconds_until_end(counter.quota, counter.window, each.now), false}});
  }
  counter.waiting = std::move(later);
}

void LeaseDesk::save_queued() {
  is_saving_ = !queue_.empty();
  if (!is_saving_) return;
  std::vector<SavedLease> leases;
  leases.reserve(queue_.size());
  for (const auto* each : queue_) leases.push_back(plan(each->first, each->second));
  queue_.clear();
  ++saves_;
  storage_.save(leases, [this, alive = std::weak_ptr<bool>(alive_), leases](Result<void> outcome) {
    if (!alive.expired()) saved(leases, outcome);
  });
}

void LeaseDesk::saved(const std::vector<SavedLease>& leases, const Result<void>& outcome) {
  std::vector<Answer> answers;
  std::vector<Waiting> refused;
  for (const SavedLease& lease : leases) {
    auto& entry = *counters_.find(lease.name);
    Counter& counter = entry.second;
    if (!outcome.has_value()) {
      std::ranges::move(counter.waiting, std::back_inserter(refused));
      counter.waiting.clear();
    } else {
      reopen(counter, static_cast<std::int64_t>(lease.window), lease.leased, answers);
    }
    // Those who came while it was being saved, or in the next window, may have to wait once more.
    counter.is_queued = !counter.waiting.empty() && needs_save(counter, answers);
    if (counter.is_queued) queue_.push_back(&entry);
  }
  // Those who ask again in here wait for the next save, all together.
  for (const Answer& answer : answers) answer.done(answer.decision);
  if (!outcome.has_value()) {
    ++failed_saves_;
    for (const Waiting& each : refused) each.done(cannot_save(outcome.error()));
  }
  save_queued();
}

void LeaseDesk::stop() {
  is_stopping_ = true;
  std::vector<Waiting> waiting;
  for (auto& each : counters_) {
    std::ranges::move(each.second.waiting, std::back_inserter(waiting));
    each.second.waiting.clear();
  }
  for (const Waiting& each : waiting) each.done(stopping());
}

void LeaseDesk::sweep(WallTime now) {
  const std::int64_t oldest =
      std::chrono::floor<std::chrono::seconds>((now - kKeep).time_since_epoch()).count();
  std::vector<std::string> names;
  for (auto each = counters_.begin(); each != counters_.end();) {
    Counter& counter = each->second;
    if (counter.is_queued || counter.window >= oldest || counter.wanted_window >= oldest) {
      ++each;
      continue;
    }
    if (counter.cell != nullptr) cells_.drop(*counter.cell);
    names.push_back(each->first);
    each = counters_.erase(each);
  }
  if (!names.empty()) storage_.forget(std::move(names));
}

}  // namespace claviger::policy
