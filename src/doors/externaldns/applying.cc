// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/applying.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <tuple>
#include <utility>

#include "base/document.h"
#include "doors/externaldns/in_parallel.h"
#include "doors/externaldns/names.h"

namespace claviger::doors::externaldns {
namespace {

// As many names are asked for one by one; beyond it, the zone as a whole is cheaper, and nothing of it is kept.
constexpr std::size_t kFewNames = 8;
// Whatever the share, so many records of a zone may go at once: of a small zone, any is a large share.
constexpr std::size_t kAlwaysDeletable = 10;
constexpr std::chrono::seconds kTimeToFinish{2};
// Of records of all zones of a set.
constexpr std::size_t kMostLive = std::size_t{128} << 20;

// What can stand in for another that goes: a name that changes its type keeps an answer.
enum class Kind : std::uint8_t { kAddress, kRegistry, kOther };
Kind kind_of(const SetChange& change) noexcept {
  if (answers_with_addresses(change.record_type)) return Kind::kAddress;
  return change.is_registry ? Kind::kRegistry : Kind::kOther;
}

// Whether a record stays that was to make room for what is refused.
bool stays(std::size_t which, const std::vector<SetChange>& changes, const std::vector<SetPlan>& plans) {
  for (std::size_t i = 0; i < changes.size(); ++i)
    if (!plans[i].refusal.empty() && makes_room(changes[which], changes[i])) return true;
  return false;
}

// Records that go and that none takes the place of, by zone.
std::map<std::string_view, std::size_t> losses_of(const std::vector<SetChange>& changes,
                                                  const std::vector<SetPlan>& plans) {
  std::map<std::tuple<Kind, std::string_view, RecordType>, std::array<std::size_t, 2>> totals;
  std::map<std::tuple<Kind, std::string_view, RecordType>, std::string_view> zones;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (!plans[i].refusal.empty() || plans[i].adds + plans[i].deletes == 0) continue;
    if (stays(i, changes, plans)) continue;
    const Kind kind = kind_of(changes[i]);
    const std::string_view name = kind == Kind::kRegistry ? changes[i].owned : changes[i].name;
    const std::tuple key(kind, name, kind == Kind::kOther ? changes[i].record_type : RecordType::kA);
    totals[key][0] += plans[i].deletes;
    totals[key][1] += plans[i].adds;
    zones[key] = changes[i].zone;
  }
  std::map<std::string_view, std::size_t> losses;
  for (const auto& [key, total] : totals)
    if (total[0] > total[1]) losses[zones[key]] += total[0] - total[1];
  return losses;
}

}  // namespace

Applying::Applying(const ProviderOptions& options, Technitium& server, ZoneMap& zones, net::Loop& loop,
                   const NameFilter& filter, const ProviderHooks& hooks)
    : options_(options),
      server_(server),
      map_(zones),
      loop_(loop),
      filter_(filter),
      hooks_(hooks),
      until_(loop.now() + options.deadline),
      room_(kMostLive) {}

net::Task<Applied> Applying::run(Changes changes) {
  if (changes.is_empty()) co_return std::move(applied_);
  const auto known = co_await map_.refresh_if_old(until_);
  units_ = make_units(std::move(changes), map_.zones(), filter_);
  if (!known.has_value()) {
    leave_all(known.error().what());
    co_return std::move(applied_);
  }
  co_await look();
  plan();
  guard();
  co_await in_parallel(jobs_.size(), options_.parallel, [this](std::size_t job) { return work(jobs_[job]); });
  co_return std::move(applied_);
}

// Nothing is known of zones, so nothing can be said of any change.
void Applying::leave_all(std::string_view why) {
  for (Unit& unit : units_) {
    std::vector<Stop> stops;
    for (const SetChange& change : unit.changes) {
      tell(change, {}, Outcome::kLeft, {}, {}, why);
      stops.push_back({.why = std::string(why), .is_for_good = !change.refusal.empty()});
    }
    note_orphans({.unit = &unit, .plans = {}}, stops);
  }
}

net::Task<Applied> Applying::finish(std::vector<Endpoint> orphans) {
  is_finishing_ = true;
  until_ = std::min(until_, loop_.now() + kTimeToFinish);
  Changes changes;
  changes.remove = std::move(orphans);
  co_return co_await run(std::move(changes));
}

// What the server has of the names, from the node that will be told.
net::Task<void> Applying::look() {
  std::map<std::string, std::set<std::string>, std::less<>> names;
  std::map<std::string, std::size_t, std::less<>> losses;
  for (const Unit& unit : units_) {
    for (const SetChange& change : unit.changes) {
      if (!change.refusal.empty()) continue;
      names[change.zone].insert(change.name);
      const std::string_view of_owned = zone_of(change.owned, map_.zones());
      if (!of_owned.empty()) names[std::string(of_owned)].insert(change.owned);
      losses[change.zone] += change.old.size() - std::min(change.old.size(), change.want.size());
      // With the zone's own name comes its SOA.
      if (change.record_type == RecordType::kCname) names[change.zone].insert(change.zone);
      if (!change.is_removal()) zones_[change.zone].is_wanted = true;
    }
  }
  std::vector<std::string> zones;
  for (auto& [zone, of_it] : names) {
    zones.push_back(zone);
    Zone& at = zones_[zone];
    at.live.draw_on(room_);
    at.is_whole = of_it.size() > kFewNames || losses[zone] > kAlwaysDeletable;
  }
  co_await in_parallel(zones.size(), options_.parallel, [&](std::size_t i) {
    const std::set<std::string>& of_it = names.find(zones[i])->second;
    return look_at(zones[i], zones_.find(zones[i])->second, {of_it.begin(), of_it.end()});
  });
}

net::Task<void> Applying::look_at(const std::string& zone, Zone& at, std::vector<std::string> names) {
  co_await find_primary(zone, at);
  if (!at.why_not.empty() || at.is_to_be_made) co_return;
  if (at.is_whole) names = {std::string()};
  // The other half is for the other zones, which wait for this one.
  const Monotonic half_time = std::min(until_, loop_.now() + options_.deadline / 2);
  for (const std::string& name : names) {
    std::string warning;
    const auto listed = co_await server_.list_records(at.primary, zone, name, half_time, at.live, warning);
    if (!warning.empty() && hooks_.warned) hooks_.warned(warning);
    if (listed.has_value()) continue;
    at.why_not = listed.error().what();
    map_.forget();
    co_return;
  }
  at.live.sort();
}

net::Task<void> Applying::find_primary(const std::string& zone, Zone& at) {
  if (const Node* const primary = map_.primary_of(zone); primary != nullptr) {
    at.primary = *primary;
    if (map_.was_left_out(zone))
      at.why_not = fmt::format("{} was not there when the records were read", zone);
    co_return;
  }
  at.why_not = map_.why_not(zone);
  if (!options_.create_zones || !at.is_wanted || !map_.is_missing(zone)) co_return;
  if (options_.dry_run) {
    if (hooks_.warned) hooks_.warned(fmt::format("zone {} would be made", zone));
    at.is_to_be_made = true;
    at.why_not.clear();
    co_return;
  }
  const auto made = co_await map_.create(zone, patience());
  if (!made.has_value()) co_return;
  at.primary = made->node;
  at.why_not.clear();
  if (hooks_.zone_made)
    hooks_.zone_made({.zone = zone, .upstream = made->node.upstream, .request_id = made->request_id});
}

void Applying::plan() {
  for (Unit& unit : units_) {
    Job job{.unit = &unit, .plans = {}};
    for (const SetChange& change : unit.changes) job.plans.push_back(plan_of(change));
    refuse_aliases(job);
    jobs_.push_back(std::move(job));
  }
}

SetPlan Applying::plan_of(const SetChange& change) const {
  SetPlan plan;
  plan.refusal = change.refusal;
  if (!plan.refusal.empty()) return plan;
  const Zone& zone = zones_.find(change.zone)->second;
  if (!zone.why_not.empty() || (is_finishing_ && !is_orphan(change))) return plan;
  // What is written above a zone that answers for the name is seen by nobody.
  if (const auto by = zone_of(change.name, map_.zones_of_primary(change.zone));
      by.size() > change.zone.size()) {
    plan.refusal = fmt::format("it is in the zone {} of the server's, which is none of the door's", by);
    return plan;
  }
  plan = plan_set(change, zone.live.find(change.name, change.record_type), options_);
  // By the time the server says so, what it takes the place of may be deleted.
  if (const std::uint32_t expire = zone.live.soa_expire();
      expire > 0 && plan.ttl > expire && plan.refusal.empty() && plan.adds > 0)
    plan.refusal = fmt::format("its TTL cannot be greater than SOA EXPIRE, which is {}", expire);
  // Somebody was faster. What is left of somebody's record that is gone keeps nobody from the name.
  if (plan.refusal.empty() && !plan.other_owner.empty() && !is_orphan(change))
    plan.refusal = fmt::format("it belongs to another by now: {}", base::printable_name(plan.other_owner));
  return plan;
}

// A CNAME cannot stand beside other records. Found out here: by the time the server says so, what it replaces is deleted.
void Applying::refuse_aliases(Job& job) const {
  const std::vector<SetChange>& changes = job.unit->changes;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const SetChange& alias = changes[i];
    if (alias.record_type != RecordType::kCname || alias.is_removal() || job.plans[i].steps.empty()) continue;
    const std::string beside = what_stays_beside(alias, job);
    if (!beside.empty())
      job.plans[i].refusal = fmt::format("a CNAME stands alone, and there are {} records", beside);
  }
}

std::string Applying::what_stays_beside(const SetChange& alias, const Job& job) const {
  const RecordTable& live = zones_.find(alias.zone)->second.live;
  if (live.has_other(alias.name)) return "other";
  std::array<std::size_t, kRecordTypes> stay{};
  for (std::size_t i = 0; i < kRecordTypes; ++i)
    stay[i] = live.find(alias.name, static_cast<RecordType>(i)).size();
  for (std::size_t i = 0; i < job.plans.size(); ++i) {
    const SetChange& change = job.unit->changes[i];
    // The registry's go last.
    const bool goes_before = job.plans[i].refusal.empty() && !(change.is_registry && change.is_removal());
    if (change.name == alias.name && goes_before)
      stay[static_cast<std::size_t>(change.record_type)] += job.plans[i].adds - job.plans[i].deletes;
  }
  stay[static_cast<std::size_t>(RecordType::kCname)] = 0;
  const auto other = std::ranges::find_if(stay, [](std::size_t count) { return count > 0; });
  if (other == stay.end()) return {};
  return std::string(type_name(static_cast<RecordType>(other - stay.begin())));
}

const Applying::Zone* Applying::zone_of_owned(const SetChange& change) const {
  const auto zone = zones_.find(zone_of(change.owned, map_.zones()));
  return zone == zones_.end() ? nullptr : &zone->second;
}

// Whether what it is about is not there, or not any more.
bool Applying::is_orphan(const SetChange& change) const {
  const Zone* const zone = zone_of_owned(change);
  if (!change.is_registry || zone == nullptr || !zone->why_not.empty()) return false;
  SetChange owned;
  owned.name = change.owned;
  for (std::size_t i = 0; i < kRecordTypes; ++i) {
    const auto type = static_cast<RecordType>(i);
    owned.type = type_name(type);
    if (is_about(change, owned) && !zone->live.find(owned.name, type).empty()) return false;
  }
  return true;
}

// A cluster that lost its Ingresses, or an ExternalDNS that sees none of them, must not empty a zone.
void Applying::guard() {
  if (options_.allow_mass_delete || is_finishing_) return;
  std::map<std::string_view, std::size_t> losses;
  for (const Job& job : jobs_) {
    for (const auto& [zone, lost] : losses_of(job.unit->changes, job.plans)) losses[zone] += lost;
  }
  std::map<std::string_view, std::string> held;
  for (const auto& [zone, lost] : losses) {
    const std::size_t all = zones_.find(zone)->second.live.size();
    if (lost <= kAlwaysDeletable || lost * 100 <= all * options_.max_delete_percent) continue;
    std::string why = fmt::format(
        "{} of the {} records of {} would go, more than {} %: nothing of it is deleted (allow_mass_delete)",
        lost, all, zone, options_.max_delete_percent);
    if (hooks_.warned) hooks_.warned(why);
    held.emplace(zone, std::move(why));
  }
  if (held.empty()) return;
  for (Job& job : jobs_) {
    for (const auto& [zone, lost] : losses_of(job.unit->changes, job.plans)) {
      const auto found = held.find(zone);
      if (found == held.end()) continue;
      for (std::size_t i = 0; i < job.plans.size(); ++i) {
        SetPlan& one = job.plans[i];
        if (job.unit->changes[i].zone == zone && one.deletes > 0 && one.refusal.empty())
          one.refusal = found->second;
      }
    }
  }
}

}  // namespace claviger::doors::externaldns
