// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "doors/externaldns/endpoint.h"

namespace claviger::doors::externaldns {

// What an instance of the door is told about DNS (configuration: `doors:`). Checked by whoever reads it: names of zones are
// valid, in lower case and ASCII, without a trailing dot; min <= default <= max.
struct ProviderOptions {
  std::vector<std::string> upstreams;  // at least one, in order of preference: a node of Technitium's each
  std::vector<std::string> zones;  // these alone; none: all that a node is primary for
  DomainFilter filter;  // nothing in it: the zones
  bool create_zones = false;  // those of `zones` that no node has
  std::string catalog;  // which they become members of; empty: none
  std::string node;  // the cluster's primary, for writes by way of another (`node=`); empty: never
  std::int64_t ttl_default = 300, ttl_min = 1, ttl_max = 604'800;  // seconds
  unsigned max_delete_percent = 50;  // of a zone's records, in one set of changes
  bool allow_mass_delete = false;
  unsigned parallel = 8;  // calls under way at once
  std::chrono::milliseconds deadline{12'000};  // for each answer to ExternalDNS
  bool dry_run = false;
  bool operator==(const ProviderOptions&) const = default;
};

}  // namespace claviger::doors::externaldns
