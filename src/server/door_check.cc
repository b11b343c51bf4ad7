// SPDX-License-Identifier: Apache-2.0
#include "server/door_check.h"

#include <string_view>

#include "doors/externaldns/technitium.h"
#include "policy/explain.h"

namespace claviger::server {
namespace {

std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

// What a door of these settings asks of each of its upstreams, by POST. Of a dry run, too: it is to be followed by another.
std::vector<std::string_view> asked_by(const DoorConfig& door) {
  using namespace doors::externaldns;
  std::vector<std::string_view> paths{kListZones, kGetRecords, kAddRecord, kUpdateRecord, kDeleteRecord};
  if (door.dns.create_zones) paths.emplace_back(kCreateZone);
  return paths;
}

// What nobody lets the principal do at this upstream.
void check_upstream(const DoorConfig& door, const std::string& name, policy::PrincipalIndex who,
                    const policy::Snapshot& policy, WallTime now, std::vector<DoorMisfit>& found) {
  const auto index = policy.find_upstream(name);
  if (!index) {
    found.push_back({.detail = "there is no upstream " + quoted(name) + ": it is not asked"});
    return;
  }
  if (policy.upstreams()[*index]->credentials.empty())
    found.push_back(
        {.detail = "upstream " + quoted(name) + " has no credential: all that is asked of it is refused"});
  if (policy.grants_of(who, *index).empty()) {
    found.push_back({.detail = "principal " + quoted(door.principal) + " has no grant on upstream " +
                               quoted(name) + ": all that the door asks of it is refused"});
    return;
  }
  const std::string& mount = policy.upstreams()[*index]->resource.mount;
  for (const std::string_view path : asked_by(door)) {
    const std::string target = mount + std::string(path);
    const policy::Explanation decision = policy::explain(policy, door.principal, "POST", target, now);
    if (decision.allowed) continue;
    found.push_back({.detail = "principal " + quoted(door.principal) + " may not POST " + target + ": " +
                               decision.reason});
  }
}

}  // namespace

std::vector<DoorMisfit> check_door(const DoorConfig& door, const policy::Snapshot& policy, WallTime now) {
  const auto who = policy.find_principal(door.principal);
  if (!who)
    return {{.detail = "there is no principal " + quoted(door.principal) +
                       ": all that the door asks for is refused"}};
  if (policy.principal(*who).disabled)
    return {{.detail = "principal " + quoted(door.principal) +
                       " is disabled: all that the door asks for is refused",
             .is_by_intent = true}};
  std::vector<DoorMisfit> found;
  for (const std::string& upstream : door.dns.upstreams)
    check_upstream(door, upstream, *who, policy, now, found);
  return found;
}

void DoorCheck::look(std::span<const DoorConfig> doors, const policy::Snapshot& policy, WallTime now) {
  std::set<std::pair<std::string, DoorMisfit>> found;
  for (const DoorConfig& door : doors)
    for (DoorMisfit& misfit : check_door(door, policy, now)) found.emplace(door.name, std::move(misfit));
  for (const auto& [door, misfit] : found)
    if (!told_.contains({door, misfit}))
      log_.warning("door_does_not_fit", {{"door", door}, {"detail", misfit.detail}});
  told_ = std::move(found);
}

}  // namespace claviger::server
