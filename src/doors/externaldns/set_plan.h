// SPDX-License-Identifier: Apache-2.0
#pragma once

// From the records of one name and type that are there to those that are asked for, in calls.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "doors/externaldns/change_set.h"
#include "doors/externaldns/provider_options.h"
#include "doors/externaldns/record_table.h"

namespace claviger::doors::externaldns {

// A call, without domain, zone and type.
struct Step {
  std::string_view path;  // "/api/zones/records/add", ...
  std::string form;
};
struct SetPlan {
  std::vector<Step> steps;  // none: it is so already
  std::string before, after, added, removed;  // as RecordChange has them
  std::string refusal;
  std::string
      other_owner;  // who is named by a registry's text that goes though nobody said that it is there; empty: none
  std::int64_t ttl = 0;  // seconds, of what is wanted
  std::size_t adds = 0, deletes = 0;  // records; one that is written over counts as both
};
// The fewest calls that make `live` what is asked for, each of which leaves the name with an answer.
SetPlan plan_set(const SetChange& change, std::span<const LiveRecord> live, const ProviderOptions& options);

}  // namespace claviger::doors::externaldns
