// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/zone_map.h"

#include <fmt/format.h>

#include <algorithm>

#include "doors/externaldns/names.h"

namespace claviger::doors::externaldns {
namespace {

// One node that hangs must not take the time of all.
constexpr std::chrono::seconds kPatience{3};
// A node that has others each time must not fill the memory while another does not answer.
constexpr std::size_t kMostHad = 2 * ZoneSink::kMostZones;

}  // namespace

ZoneMap::ZoneMap(const ProviderOptions& options, Technitium& server, net::Loop& loop)
    : options_(options), server_(server), loop_(loop), zones_(options.zones) {
  std::ranges::sort(zones_);
}

bool ZoneMap::is_wanted(const ServerZone& zone) const {
  if (zone.is_internal) return false;
  if (!options_.zones.empty()) return std::ranges::binary_search(zones_, zone.name);
  return zone.type == "Primary" ? !zone.is_disabled : zone.type == "Secondary";
}

bool ZoneMap::is_complete(const Round& round) const {
  if (options_.zones.empty()) return false;
  return std::ranges::all_of(options_.zones, [&round](const std::string& zone) {
    const auto found = round.found.find(zone);
    return found != round.found.end() && found->second.primary.has_value();
  });
}

// True where it answered.
net::Task<bool> ZoneMap::ask(Round& round, Node node, Monotonic until) {
  const std::string name = node_text(node);
  const auto zones = co_await server_.list_zones(node, std::min(until, loop_.now() + kPatience));
  Asked& asked = asked_[name];
  if (!zones.has_value()) {
    asked.failed_at = loop_.now();
    asked.why = zones.error().what();
    warnings_.push_back(asked.why);
    co_return false;
  }
  asked.failed_at.reset();
  std::vector<std::string>& names = round.names[name];
  for (const ServerZone& zone : *zones) {
    if (options_.zones.empty() || !zone_of(zone.name, zones_).empty()) names.push_back(zone.name);
    if (!is_wanted(zone)) continue;
    Found& found = round.found[zone.name];
    if (found.primary.has_value()) continue;  // a node that is preferred
    if (zone.type == "Primary") found.primary = node;
    else found.elsewhere = fmt::format("{} on {}", zone.type, name);
  }
  std::ranges::sort(names);
  co_return true;
}

// In order; those that failed a moment ago after the others, and only where these do not know.
std::vector<Node> ZoneMap::nodes_in_order() const {
  std::vector<Node> nodes;
  for (const std::string& upstream : options_.upstreams)
    nodes.push_back({.upstream = upstream, .by_way = {}});
  // The primary by way of others, where it cannot be reached itself.
  if (!options_.node.empty()) {
    for (const std::string& upstream : options_.upstreams)
      nodes.push_back({.upstream = upstream, .by_way = options_.node});
  }
  std::vector<Node> rested;
  std::erase_if(nodes, [&](const Node& node) {
    const auto asked = asked_.find(node_text(node));
    const bool rests = asked != asked_.end() && asked->second.failed_at.has_value() &&
                       loop_.now() < *asked->second.failed_at + kRest;
    if (rests) rested.push_back(node);
    return rests;
  });
  nodes.insert(nodes.end(), rested.begin(), rested.end());
  return nodes;
}

net::Task<void> ZoneMap::ask_all(Round& round, Monotonic until) {
  for (const Node& node : nodes_in_order()) {
    if (is_complete(round)) co_return;
    // Every zone that there is was seen on the nodes themselves, if all of them answered.
    if (!node.by_way.empty() && options_.zones.empty() && round.answered == options_.upstreams.size()) break;
    if (loop_.now() < until && co_await ask(round, node, until)) ++round.answered;
    else ++round.unanswered;
  }
  round.has_seen_all = round.unanswered == 0;
}

net::Task<std::optional<MadeZone>> ZoneMap::create(std::string zone, Monotonic until) {
  std::vector<Node> nodes;
  if (!options_.node.empty())
    nodes.push_back({.upstream = options_.upstreams.front(), .by_way = options_.node});
  for (const std::string& upstream : options_.upstreams)
    nodes.push_back({.upstream = upstream, .by_way = {}});
  for (const Node& node : nodes) {
    std::string form;
    append_form_field(form, "zone", zone);
    append_form_field(form, "type", "Primary");
    if (!options_.catalog.empty()) append_form_field(form, "catalog", options_.catalog);
    const ChangeAnswer answer = co_await server_.change(node, kCreateZone, std::move(form), until);
    if (answer.change == Change::kDone) {
      known_.found[zone].primary = node;
      left_out_.erase(zone);
      co_return MadeZone{.node = node, .request_id = answer.request_id};
    }
    if (answer.change == Change::kWasSo) forget();
    else warnings_.push_back(fmt::format("zone {} cannot be made: {}", zone, answer.reason));
    // It is there, or may be: another node must not have it as well.
    if (answer.change == Change::kWasSo || answer.change == Change::kFailed) break;
  }
  co_return std::nullopt;
}

void ZoneMap::publish(Round round) {
  known_ = std::move(round);
  asked_at_ = loop_.now();
  has_seen_all_once_ = has_seen_all_once_ || known_.has_seen_all;
  if (!options_.zones.empty()) return;
  // A zone that was found stays managed while a node does not answer, which may be the one that has it, and while it has no primary.
  if (known_.has_seen_all)
    std::erase_if(had_primary_, [this](const std::string& zone) { return !known_.found.contains(zone); });
  zones_.clear();
  for (const auto& [name, found] : known_.found) {
    if (found.primary.has_value()) {
      if (had_primary_.size() < kMostHad) had_primary_.insert(name);
      continue;
    }
    // The node that is primary for it may be one that has not answered since the start.
    if (!has_seen_all_once_) zones_.push_back(name);
  }
  zones_.insert(zones_.end(), had_primary_.begin(), had_primary_.end());
  std::ranges::sort(zones_);
  const auto twice = std::ranges::unique(zones_);
  zones_.erase(twice.begin(), twice.end());
}

net::Task<Result<void>> ZoneMap::refresh(Monotonic until) {
  Round round;
  co_await ask_all(round, until);
  if (round.answered == 0) {
    std::string why;
    for (const auto& [name, asked] : asked_) {
      if (asked.failed_at.has_value()) why += (why.empty() ? "" : "; ") + asked.why;
    }
    co_return Error::formatted(Code::kUnavailable, Blame::kUpstream,
                               fmt::format("no node answers: {}", why.empty() ? "there was no time" : why));
  }
  publish(std::move(round));
  co_return ok();
}

net::Task<Result<void>> ZoneMap::refresh_if_old(Monotonic until) {
  if (asked_at_.has_value() && loop_.now() < *asked_at_ + kFresh) co_return ok();
  co_return co_await refresh(until);
}

void ZoneMap::take_over(const ZoneMap& other) {
  if (options_.upstreams != other.options_.upstreams || options_.zones != other.options_.zones ||
      options_.node != other.options_.node)
    return;
  zones_ = other.zones_;
  known_ = other.known_;
  has_seen_all_once_ = other.has_seen_all_once_;
  left_out_ = other.left_out_;
  had_primary_ = other.had_primary_;
  asked_ = other.asked_;
  asked_at_ = other.asked_at_;
}

const Node* ZoneMap::primary_of(std::string_view zone) const {
  const auto found = known_.found.find(zone);
  return found != known_.found.end() && found->second.primary.has_value() ? &*found->second.primary : nullptr;
}

std::span<const std::string> ZoneMap::zones_of_primary(std::string_view zone) const {
  const Node* const primary = primary_of(zone);
  if (primary == nullptr) return {};
  const auto names = known_.names.find(node_text(*primary));
  return names == known_.names.end() ? std::span<const std::string>() : names->second;
}

bool ZoneMap::has_primaries() const noexcept {
  return std::ranges::any_of(known_.found,
                             [](const auto& found) { return found.second.primary.has_value(); });
}

bool ZoneMap::is_missing(std::string_view zone) const {
  return known_.has_seen_all && !known_.found.contains(zone);
}

std::string ZoneMap::why_not(std::string_view zone) const {
  const auto found = known_.found.find(zone);
  if (found != known_.found.end() && !found->second.elsewhere.empty())
    return fmt::format("no node that answers is primary for {} ({})", zone, found->second.elsewhere);
  if (is_missing(zone)) return fmt::format("there is no zone {}", zone);
  return fmt::format("no node that answers has the zone {}", zone);
}

}  // namespace claviger::doors::externaldns
