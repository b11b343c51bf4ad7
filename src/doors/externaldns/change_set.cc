// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/change_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/document.h"
#include "base/parse.h"
#include "doors/externaldns/names.h"

namespace claviger::doors::externaldns {
namespace {

// Of what belongs together each is held against each.
constexpr std::size_t kMostOfUnit = 1000;
constexpr std::string_view kLeftOut = "the door's filter leaves it out";

// Names that have to do with each other, as groups. By hand: there may be tens of thousands. In maps that are no hash tables: whoever
// sends the names could choose them so that they collide.
class Groups {
 public:
  std::size_t of(const std::string& name) {
    const auto [found, is_new] = index_.emplace(name, parent_.size());
    if (is_new) parent_.push_back(found->second);
    return root(found->second);
  }
  void join(const std::string& a, const std::string& b) {
    const std::size_t to = of(a);
    parent_[of(b)] = to;
  }

 private:
  std::size_t root(std::size_t at) {
    while (parent_[at] != at) at = parent_[at] = parent_[parent_[at]];
    return at;
  }
  std::map<std::string, std::size_t, std::less<>> index_;
  std::vector<std::size_t> parent_;
};

bool is_of_registry(const Endpoint& endpoint, RecordType type) {
  if (type != RecordType::kTxt || endpoint.targets.empty()) return false;
  const bool is_labelled = endpoint.labels.contains(std::string(kOwnedRecordLabel));
  return std::ranges::all_of(endpoint.targets, [is_labelled](const std::string& target) {
    const std::string text = txt_text(target);
    return is_heritage(text) || (is_labelled && may_be_encrypted(text));
  });
}

// The name that a record of the registry is about, where no label says so: "a-www.example.com" is about "www.example.com".
std::string owned_by_name(std::string_view name) {
  const std::size_t dash = name.find('-');
  if (dash == std::string_view::npos || name.find('.') < dash) return {};
  if (!find_record_type(name.substr(0, dash)).has_value()) return {};
  return std::string(name.substr(dash + 1));
}

class Maker {
 public:
  Maker(std::span<const std::string> zones, const NameFilter& filter) : zones_(zones), filter_(filter) {}

  void want(Endpoint endpoint) { put(std::move(endpoint), true); }
  void drop(Endpoint endpoint) { put(std::move(endpoint), false); }

  std::vector<Unit> units() {
    std::map<std::size_t, Unit> made;  // ordered, so that what is done is the same each time
    for (SetChange& change : changes_) {
      const std::string& name = change.name.empty() ? change.shown : change.name;
      made[groups_.of(name)].changes.push_back(std::move(change));
    }
    std::vector<Unit> units;
    for (auto& [group, unit] : made) {
      if (unit.changes.size() > kMostOfUnit)
        for (SetChange& change : unit.changes) change.refusal = "too many changes belong together";
      std::ranges::sort(unit.changes, {}, [this](const SetChange& change) {
        return std::tuple(rank(change), std::string_view(change.name), change.record_type);
      });
      units.push_back(std::move(unit));
    }
    return units;
  }

 private:
  // Addresses that make room for an alias go last of all that does: they answer until then. Those of another kind go once the new ones
  // are there.
  int rank(const SetChange& change) const {
    if (change.is_registry) return change.is_removal() ? 5 : 0;
    if (!change.is_removal()) return 3;
    if (!answers_with_addresses(change.record_type)) return 1;
    return aliases_.contains(change.name) ? 2 : 4;
  }

  void put(Endpoint endpoint, bool is_wanted) {
    SetChange change;
    change.shown = endpoint.dns_name;
    change.type = endpoint.record_type;
    if (const auto filled = fill(change, endpoint); !filled.has_value())
      change.refusal = filled.error().what();
    SetChange& kept = merge(std::move(change));
    const bool is_cut = endpoint.targets.size() > kMostTargets;  // or was, by who read it
    for (std::string& target : endpoint.targets) add_target(kept, std::move(target), is_wanted);
    if (is_cut || std::max(kept.want.size(), kept.old.size()) > kMostTargets)
      kept.refusal = "it has too many targets";
    const bool is_alias = kept.record_type == RecordType::kCname || kept.record_type == RecordType::kDname;
    if (is_alias && std::ranges::find(kept.want, kept.name) != kept.want.end())
      kept.refusal = "it would be an alias of itself";
    if (is_wanted && endpoint.ttl != 0) kept.ttl = endpoint.ttl;
    if (kept.want.empty() && kept.old.empty() && kept.refusal.empty()) kept.refusal = "it has no targets";
    const std::string& name = kept.name.empty() ? kept.shown : kept.name;
    if (kept.record_type == RecordType::kCname) aliases_.insert(name);
    if (!kept.owned.empty()) groups_.join(kept.owned, name);
    else groups_.of(name);
  }

  Result<void> fill(SetChange& change, const Endpoint& endpoint) {
    const auto type = find_record_type(endpoint.record_type);
    if (!type.has_value())
      return refuse(fmt::format("records of type '{}' do not go through the door",
                                base::printable_name(endpoint.record_type)));
    change.record_type = *type;
    change.type = type_name(*type);
    change.is_registry = is_of_registry(endpoint, *type);
    if (change.is_registry) {
      change.name = CLV_TRY(stored_registry_name(endpoint.dns_name, zones_));
      fill_owned(change, endpoint);
    } else {
      change.name = CLV_TRY(canonical_name(endpoint.dns_name));
    }
    change.zone = zone_of(change.name, zones_);
    CLV_TRY_VOID(check_filter(change, endpoint.dns_name));
    if (change.zone.empty()) return refuse("it is in none of the door's zones");
    if (*type == RecordType::kNs && change.name == change.zone)
      return refuse("a zone's own NS records are the server's");
    // Technitium takes none there; it would say so when the address is deleted that it replaces.
    if (*type == RecordType::kCname && change.name == change.zone)
      return refuse("a zone's own name cannot be a CNAME");
    return ok();
  }
  Result<void> check_filter(const SetChange& change, std::string_view sent) const {
    if (!filter_.lets_through(change.owned.empty() ? change.name : change.owned))
      return refuse(std::string(kLeftOut));
    if (change.owned.empty()) return check_below(change);
    if (!is_beside(change.name, change.owned))
      return refuse(fmt::format("a record about {} has no place there", change.owned));
    // What it is about is what who sends it says, unless its name says so plainly.
    const auto by_name = canonical_name(owned_by_name(sent));
    const bool is_plain = change.name == change.owned || (by_name.has_value() && *by_name == change.owned);
    const std::string seen = shown_registry_name(change.name, change.zone);
    if (is_plain ? !filter_.lists_as_excluded(seen) : filter_.lets_through(change.name)) return ok();
    return refuse(is_plain ? std::string(kLeftOut)
                           : fmt::format("{}: it is not TYPE-{}, so that it has to be let through itself",
                                         kLeftOut, change.owned));
  }
  // A delegation, and an alias for all that is below, would be answers for what is left out there.
  Result<void> check_below(const SetChange& change) const {
    const bool is_for_all_below =
        change.record_type == RecordType::kNs || change.record_type == RecordType::kDname;
    if (!is_for_all_below || !filter_.excludes_below(change.name)) return ok();
    return refuse(fmt::format("{}: names below it are excluded", kLeftOut));
  }
  // Prefixes and suffixes are put around the first label, which may be a '*' that something else is put for: what follows it is the same.
  static bool is_beside(std::string_view name, std::string_view owned) noexcept {
    const std::size_t dot = owned.find('.');
    if (dot == std::string_view::npos || !name.ends_with(owned.substr(dot))) return false;
    const std::string_view first = owned.substr(0, dot);
    return first == "*" || name.substr(0, name.size() - (owned.size() - dot)).contains(first);
  }
  static void fill_owned(SetChange& change, const Endpoint& endpoint) {
    const auto label = endpoint.labels.find(std::string(kOwnedRecordLabel));
    const std::string text =
        label != endpoint.labels.end() ? label->second : owned_by_name(endpoint.dns_name);
    if (auto owned = canonical_name(text)) change.owned = *std::move(owned);
  }
  static Result<void> refuse(std::string why) {
    return Error::formatted(Code::kBadRequest, Blame::kCaller, std::move(why));
  }

  // The one of that name and type: what differs in its set identifier alone is one to the server.
  SetChange& merge(SetChange change) {
    const std::string key =
        fmt::format("{} {}", change.name.empty() ? change.shown : change.name, change.type);
    const auto [found, is_new] = index_.emplace(key, changes_.size());
    if (is_new) {
      changes_.push_back(std::move(change));
    } else if (!change.refusal.empty()) {
      changes_[found->second].refusal = std::move(change.refusal);
    }
    return changes_[found->second];
  }

  static void add_target(SetChange& change, std::string target, bool is_wanted) {
    std::vector<std::string>& targets = is_wanted ? change.want : change.old;
    if (targets.size() > kMostTargets) return;  // which is too many
    auto canonical = canonical_target(change.record_type, target);
    if (!canonical.has_value()) {
      if (is_wanted && change.refusal.empty()) change.refusal = canonical.error().what();
      targets.push_back(std::move(target));
    } else if (std::ranges::find(targets, *canonical) == targets.end()) {
      targets.push_back(*std::move(canonical));
    }
  }

  const std::span<const std::string> zones_;
  const NameFilter& filter_;
  std::vector<SetChange> changes_;
  std::map<std::string, std::size_t, std::less<>> index_;
  Groups groups_;
  std::set<std::string, std::less<>> aliases_;  // names of CNAME records, that go or come
};

}  // namespace

bool is_about(const SetChange& registry, const SetChange& other) {
  if (!registry.is_registry || other.is_registry) return false;
  if (!registry.owned.empty() && registry.owned != other.name) return false;
  // Its type is a word of the name; where none is, it is about all of them.
  bool says_one = false;
  std::string_view rest = registry.shown;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of("-._"), rest.size());
    const std::string_view word = rest.substr(0, end);
    if (base::equals_ignore_case(word, other.type)) return true;
    says_one = says_one || find_record_type(word).has_value();
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return !says_one;
}

std::vector<Unit> make_units(Changes changes, std::span<const std::string> zones, const NameFilter& filter) {
  Maker maker(zones, filter);
  for (Endpoint& endpoint : changes.remove) maker.drop(std::move(endpoint));
  for (Endpoint& endpoint : changes.update_old) maker.drop(std::move(endpoint));
  for (Endpoint& endpoint : changes.create) maker.want(std::move(endpoint));
  for (Endpoint& endpoint : changes.update_new) maker.want(std::move(endpoint));
  return maker.units();
}

}  // namespace claviger::doors::externaldns
