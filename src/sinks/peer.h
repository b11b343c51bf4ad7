// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>

#include "base/result.h"
#include "net/connector.h"
#include "sinks/options.h"

namespace claviger::sinks {

// Whom a sink sends to over the network. The address is the operator's, so private ranges are allowed.
struct Peer {
  net::Destination destination;
  std::shared_ptr<net::ClientTls> tls;  // null: plain, on loopback

  // kInvalid names the file (CA, certificate, key) and what is wrong with it.
  static Result<Peer> of(const SinkOptions& options);
};

inline constexpr net::ConnectLimits kPeerConnect{.all = std::chrono::seconds(10),
                                                 .tls = std::chrono::seconds(5)};
// For a batch to be taken. A peer that takes it more slowly gets it again: a smaller `batch` helps.
inline constexpr std::chrono::seconds kPeerTakes{30};

}  // namespace claviger::sinks
