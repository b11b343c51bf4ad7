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

// How long it may take, all sockets' deadlines being up to 50 ms late.
struct ConnectLimits {
  std::chrono::milliseconds all;  // name, TCP and TLS together, over all addresses
  std::chrono::milliseconds tls;  // of it, one TLS handshake
};

// Resolves, asks the guard about each address, connects to whichever of the allowed answers first (Happy Eyeballs,
// RFC 8305: families in turn, 250 ms apart, eight addresses at most), and shakes hands when `tls` is set. Where the
// handshake takes too long or is cut, the next address has its turn while there is time; a peer that fails verification
// ends it.
// kUpstreamFailed or kUpstreamTimeout, saying at which step and which address; blame operator when no address is
// allowed. kUnavailable when this machine had no socket to give.
// The stream has no deadline. `reached` (if not null) becomes true once a TCP connection was there: what fails then is TLS.
// Requires: `destination`, `resolver` and `reached` outlive the task, which may be destroyed at any time.
Task<Result<std::unique_ptr<Stream>>> connect(Loop& loop, Resolver& resolver, const Destination& destination,
                                              std::shared_ptr<ClientTls> tls, ConnectLimits limits,
                                              bool* reached = nullptr);

}  // namespace claviger::net
