// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "net/guard.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/tls.h"

namespace claviger::net {

// Where an outgoing connection goes, and what it must prove.
struct Destination {
  std::string host;  // a name or an IP literal
  std::uint16_t port = 0;
  AddressRules rules;
};

// Resolves, asks the guard about each address, connects to the first that takes the connection, and
// shakes hands when `tls` is set. `limit` is for all of it together.
// kUpstreamFailed or kUpstreamTimeout, saying at which step.
// Requires: `destination` outlives the task.
Task<Result<std::unique_ptr<Stream>>> connect(Loop& loop, Resolver& resolver, const Destination& destination,
                                              std::shared_ptr<ClientTls> tls,
                                              std::chrono::milliseconds limit);

}  // namespace claviger::net
