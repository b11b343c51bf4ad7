// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "policy/snapshot.h"
#include "server/door_config.h"
#include "telemetry/log.h"

namespace claviger::server {

// Something that a door's configuration names and the resources do not have, or do not give it. It serves all the same: what is
// missing may come with the next change.
struct DoorMisfit {
  std::string detail;  // "there is no principal 'external-dns': all that the door asks for is refused"
  bool is_by_intent = false;  // somebody said so: a principal that is disabled

  friend auto operator<=>(const DoorMisfit&, const DoorMisfit&) = default;
};

// All that do not fit, by the very functions that the door's calls are decided by.
std::vector<DoorMisfit> check_door(const DoorConfig& door, const policy::Snapshot& policy, WallTime now);

// Tells the log of them: of each once, until it is gone and comes again.
class DoorCheck {
 public:
  explicit DoorCheck(telemetry::Log& log) : log_(log) {}
  void look(std::span<const DoorConfig> doors, const policy::Snapshot& policy, WallTime now);

 private:
  telemetry::Log& log_;
  std::set<std::pair<std::string, DoorMisfit>> told_;  // with the door's name
};

}  // namespace claviger::server
