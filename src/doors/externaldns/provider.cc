// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "doors/externaldns/applying.h"
#include "doors/externaldns/in_parallel.h"
#include "doors/externaldns/names.h"
#include "doors/externaldns/technitium.h"
#include "doors/externaldns/zone_map.h"

namespace claviger::doors::externaldns {
namespace {

constexpr std::size_t kListings = 2;  // zones at a time: each is held until it is written

Error no_primary() { return Error(Code::kUnavailable, Blame::kUpstream, "no node is primary for any zone"); }

// ExternalDNS reads no further, and would take the rest for broken.
Error too_much() {
  return Error(Code::kTooLarge, Blame::kOperator,
               "the records are more than ExternalDNS reads (32 MiB): give the door fewer zones");
}

// Some records differ in what says nothing to ExternalDNS: to it they are one. Requires: targets come sorted.
Result<void> add_target(Endpoint& endpoint, std::string_view target, std::size_t& bytes) {
  if (!endpoint.targets.empty() && endpoint.targets.back() == target) return ok();
  bytes += target.size();
  if (bytes > kMostWebhookBody) return too_much();
  endpoint.targets.emplace_back(target);
  return ok();
}

// The endpoints of a zone, one for each name and type, behind one another. Not those that a longer zone hides, of `zones` or of `on_server`:
// it answers for them.
Result<void> write_records(std::string& out, std::string_view zone, std::span<const std::string> zones,
                           std::span<const std::string> on_server, const RecordTable& records) {
  for (std::size_t first = 0; first < records.size();) {
    const std::size_t end = records.end_of_set(first);
    const LiveRecord one = records.at(first);
    if (zone_of(one.name, zones) != zone || zone_of(one.name, on_server).size() > zone.size()) {
      first = end;
      continue;
    }
    Endpoint endpoint;
    endpoint.dns_name =
        one.type == RecordType::kTxt ? shown_registry_name(one.name, zone) : std::string(one.name);
    endpoint.record_type = type_name(one.type);
    endpoint.ttl = one.ttl;
    std::size_t bytes = 0;
    for (; first < end; ++first) CLV_TRY_VOID(add_target(endpoint, records.at(first).target, bytes));
    if (out.size() > 1) out += ',';
    write_endpoint(out, endpoint);
    if (out.size() > kMostWebhookBody) return too_much();
  }
  return ok();
}

}  // namespace

class Provider::State {
 public:
  State(ProviderOptions options, ApiCaller& calls, net::Loop& loop, ProviderHooks hooks)
      : options_(std::move(options)),
        hooks_(std::move(hooks)),
        server_(calls),
        loop_(loop),
        filter_(options_.filter),
        map_(options_, server_, loop) {}

  void take_over(const State& other) { map_.take_over(other.map_); }
  net::Task<Result<DomainFilter>> negotiate();
  net::Task<Result<std::string>> records(Monotonic latest);
  Result<std::string> adjust(std::string_view endpoints) const;
  net::Task<Applied> apply(Changes changes);
  net::Task<Applied> finish(std::vector<Endpoint> orphans);
  net::Task<Result<void>> check();

 private:
  Monotonic until() const noexcept { return loop_.now() + options_.deadline; }
  void warn() {
    for (const std::string& warning : map_.take_warnings()) warn(warning);
  }
  void warn(std::string_view what) const {
    if (!what.empty() && hooks_.warned) hooks_.warned(what);
  }
  Result<void> check_zones() const;
  net::Task<void> list(const std::string& zone, Monotonic until, std::string& out, Result<void>& went);
  void adjust(Endpoint& endpoint) const;

  const ProviderOptions options_;
  const ProviderHooks hooks_;
  Technitium server_;
  net::Loop& loop_;
  const NameFilter filter_;
  ZoneMap map_;
};

net::Task<Result<DomainFilter>> Provider::State::negotiate() {
  DomainFilter filter = options_.filter;
  const bool has_expressions = !filter.regex_include.empty() || !filter.regex_exclude.empty();
  // To ExternalDNS, a filter that includes nothing lets everything through.
  if (has_expressions || !filter.include.empty()) co_return filter;
  if (options_.zones.empty()) {
    const auto known = co_await map_.refresh_if_old(until());
    warn();
    if (!known.has_value()) co_return known.error();
    if (map_.zones().empty()) co_return no_primary();
  }
  filter.include = map_.zones();
  co_return filter;
}

// Why the records cannot be read as they are known now; ok where they can.
Result<void> Provider::State::check_zones() const {
  for (const std::string& zone : map_.zones()) {
    if (map_.primary_of(zone) == nullptr && !map_.is_missing(zone))
      return Error::formatted(Code::kUnavailable, Blame::kUpstream, map_.why_not(zone));
  }
  if (map_.has_primaries() || options_.create_zones) return ok();
  if (map_.zones().empty()) return no_primary();
  return Error::formatted(Code::kUnavailable, Blame::kUpstream, map_.why_not(map_.zones().front()));
}

net::Task<void> Provider::State::list(const std::string& zone, Monotonic until, std::string& out,
                                      Result<void>& went) {
  if (!went.has_value()) co_return;
  const Node* const primary = map_.primary_of(zone);
  if (primary == nullptr) {  // no more: what is known was found out anew meanwhile
    went = Error::formatted(Code::kUnavailable, Blame::kUpstream, map_.why_not(zone));
    co_return;
  }
  if (loop_.now() >= until) {
    went = Error(Code::kTimeout, Blame::kUpstream, "there was no time to read all zones");
    co_return;
  }
  const Node node = *primary;  // which may be another before it has answered
  RecordTable records;
  std::string warning;
  const auto listed = co_await server_.list_records(node, zone, {}, until, records, warning);
  warn(warning);
  if (!listed.has_value()) {
    map_.forget();
    went = listed.error();
    co_return;
  }
  if (!went.has_value()) co_return;
  if (!std::ranges::binary_search(map_.zones(), zone)) {
    went =
        Error::formatted(Code::kUnavailable, Blame::kUpstream, fmt::format("{} went away meanwhile", zone));
    co_return;
  }
  records.sort();
  went = write_records(out, zone, map_.zones(), map_.zones_of_primary(zone), records);
}

net::Task<Result<std::string>> Provider::State::records(Monotonic latest) {
  const Monotonic limit = std::min(until(), latest);
  const auto known = co_await map_.refresh(limit);
  warn();
  if (!known.has_value()) co_return known.error();
  CLV_CO_TRY_VOID(check_zones());
  std::string out = "[";
  Result<void> went = ok();
  std::vector<std::string> zones;
  std::set<std::string, std::less<>> left_out;
  for (const std::string& zone : map_.zones()) {
    if (map_.primary_of(zone) != nullptr) zones.push_back(zone);
    else left_out.insert(zone);
  }
  for (const std::string& zone : left_out) warn(map_.why_not(zone));
  co_await in_parallel(zones.size(), std::min<std::size_t>(kListings, options_.parallel),
                       [&](std::size_t i) { return list(zones[i], limit, out, went); });
  if (!went.has_value()) co_return went.error();
  map_.left_out(std::move(left_out));
  out += ']';
  co_return out;
}

// What cannot be put right is left as it is: it is refused, with a reason, once it is to be made.
void Provider::State::adjust(Endpoint& endpoint) const {
  endpoint.set_identifier.clear();
  endpoint.provider_specific.clear();
  if (endpoint.ttl < 0) endpoint.ttl = 0;
  if (endpoint.ttl != 0) endpoint.ttl = std::clamp(endpoint.ttl, options_.ttl_min, options_.ttl_max);
  const auto type = find_record_type(endpoint.record_type);
  if (!type.has_value()) return;
  endpoint.record_type = type_name(*type);
  if (auto name = canonical_name(endpoint.dns_name)) endpoint.dns_name = *std::move(name);
  for (std::string& target : endpoint.targets) {
    if (auto canonical = canonical_target(*type, target)) target = *std::move(canonical);
  }
  std::ranges::sort(endpoint.targets);
  const auto twice = std::ranges::unique(endpoint.targets);
  endpoint.targets.erase(twice.begin(), twice.end());
}

Result<std::string> Provider::State::adjust(std::string_view endpoints) const {
  std::string out = "[";
  CLV_TRY_VOID(read_endpoints(endpoints, [&](Endpoint endpoint) {
    adjust(endpoint);
    if (out.size() > 1) out += ',';
    write_endpoint(out, endpoint);
    return ok();
  }));
  out += ']';
  return out;
}

net::Task<Applied> Provider::State::apply(Changes changes) {
  Applying applying(options_, server_, map_, loop_, filter_, hooks_);
  Applied applied = co_await applying.run(std::move(changes));
  warn();
  co_return applied;
}

net::Task<Applied> Provider::State::finish(std::vector<Endpoint> orphans) {
  Applying applying(options_, server_, map_, loop_, filter_, hooks_);
  Applied applied = co_await applying.finish(std::move(orphans));
  warn();
  co_return applied;
}

net::Task<Result<void>> Provider::State::check() {
  const auto known = co_await map_.refresh(until());
  warn();
  if (!known.has_value()) co_return known.error();
  CLV_CO_TRY_VOID(check_zones());
  // Who may list zones need not be allowed to read them.
  for (const std::string& one : map_.zones()) {
    const Node* const primary = map_.primary_of(one);
    if (primary == nullptr) continue;
    const std::string zone = one;  // what is known may be another before it has answered
    RecordTable records;
    std::string warning;
    co_return co_await server_.list_records(*primary, zone, zone, until(), records, warning);
  }
  co_return ok();
}

std::string_view outcome_name(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kUnchanged:
      return "unchanged";
    case Outcome::kDryRun:
      return "dry_run";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kLeft:
      return "left";
  }
  return "failed";
}

Provider::Provider(ProviderOptions options, ApiCaller& calls, net::Loop& loop, ProviderHooks hooks)
    : state_(std::make_unique<State>(std::move(options), calls, loop, std::move(hooks))) {}
Provider::~Provider() = default;
void Provider::take_over(const Provider& other) { state_->take_over(*other.state_); }
net::Task<Result<DomainFilter>> Provider::negotiate() { return state_->negotiate(); }
net::Task<Result<std::string>> Provider::records(Monotonic latest) { return state_->records(latest); }
Result<std::string> Provider::adjust(std::string_view endpoints) const { return state_->adjust(endpoints); }
net::Task<Applied> Provider::apply(Changes changes) { return state_->apply(std::move(changes)); }
net::Task<Applied> Provider::finish(std::vector<Endpoint> orphans) {
  return state_->finish(std::move(orphans));
}
net::Task<Result<void>> Provider::check() { return state_->check(); }

}  // namespace claviger::doors::externaldns
