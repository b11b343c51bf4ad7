// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/ip.h"
#include "net/endpoint.h"

namespace claviger::net {

// The one answer to "may the gateway connect there?" (threat: server-side request forgery). connect()
// asks it for every address of every outgoing connection, after the name was resolved and before the
// socket is made, so that the address that was checked is the address that is used.
//
// Threads: any; immutable.
struct AddressRules {
  bool allow_private = false;           // loopback, link-local, private and other special-purpose ranges
  std::vector<base::Cidr> allowed;      // exceptions when allow_private is false
  std::vector<Endpoint> own_listeners;  // never, whatever is allowed: a call to itself is a loop
};

// kUpstreamFailed, blame operator, saying which rule and what to do.
Result<void> check_address(const AddressRules& rules, const Endpoint& endpoint);

}  // namespace claviger::net
