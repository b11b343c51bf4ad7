// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/document.h"
#include "base/result.h"
#include "doors/externaldns/provider_options.h"
#include "net/endpoint.h"

namespace claviger::server {

// One door that has listeners of its own (configuration: `doors:`).
struct DoorConfig {
  std::string name;
  net::Endpoint listen;
  std::optional<net::Endpoint> health;  // probes and metrics; none: `off`
  bool allow_remote = false;  // `listen` on an address that is not loopback
  std::string principal;  // whose calls are all that the door makes
  doors::externaldns::ProviderOptions dns;

  // What cannot change while the door is open.
  bool is_same_place(const DoorConfig& other) const {
    return name == other.name && listen == other.listen && health == other.health &&
           principal == other.principal;
  }
};

// The value of `doors`. kInvalid with the place.
Result<std::vector<DoorConfig>> read_doors(const base::Document& node);

}  // namespace claviger::server
