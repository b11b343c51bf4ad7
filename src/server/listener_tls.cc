// SPDX-License-Identifier: Apache-2.0
#include "server/listener_tls.h"

#include <utility>

#include "server/data_dir.h"

namespace claviger::server {

Result<OpenedTls> open_listener_tls(const ListenerConfig& listener, const Config& config,
                                    net::TicketKeys& tickets) {
  if (listener.tls.off) return OpenedTls();
  CertificateFiles files{.ca = "", .certificate = listener.tls.certificate, .key = listener.tls.key};
  if (files.certificate.empty()) files = CLV_TRY(ensure_certificate(config.data_dir, config.gateway.listen));
  auto tls = CLV_TRY(net::ServerTls::create(
      {files.certificate, files.key, listener.tls.client_ca, listener.tls.client_certificate_optional},
      tickets));
  return OpenedTls{.tls = std::move(tls), .ca_file = std::move(files.ca)};
}

}  // namespace claviger::server
