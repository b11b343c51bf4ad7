// SPDX-License-Identifier: Apache-2.0
#include "sinks/peer.h"

#include "net/trust_file.h"

namespace claviger::sinks {

Result<Peer> Peer::of(const SinkOptions& options) {
  Peer peer{.destination = {options.host, options.port, {.allow_private = true}}, .tls = nullptr};
  if (!options.tls) return peer;
  const auto trust = CLV_TRY(net::read_trust_file(options.ca, {options.certificate, options.key}));
  peer.tls = std::make_shared<net::ClientTls>(
      trust, net::ClientTlsOptions{.server_name = options.host,
                                   .name_is_ip = options.host_is_ip,
                                   .is_http = options.type == SinkType::kWebhook});
  return peer;
}

}  // namespace claviger::sinks
