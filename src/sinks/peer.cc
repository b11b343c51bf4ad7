// SPDX-License-Identifier: Apache-2.0
#include "sinks/peer.h"

#include <fcntl.h>

#include <cerrno>
#include <string>

#include "base/file.h"
#include "base/file_trust.h"

namespace claviger::sinks {
namespace {

constexpr std::size_t kMostPem = std::size_t{4} << 20;

// Whoever may write the file says whom the log is sent to.
Result<std::shared_ptr<const net::ClientTrust>> read_trust(const SinkOptions& options) {
  const net::OwnCertificate own{options.certificate, options.key};
  if (options.ca.empty()) return net::ClientTrust::of_system(own);
  const base::Descriptor file(options.ca, O_RDONLY | O_NONBLOCK);
  std::string pem;
  if (!file.is_open() || !base::read_all(file.number(), kMostPem, pem))
    return Error::from_errno(Code::kInvalid, Blame::kOperator, "reading " + options.ca, errno);
  CLV_TRY_VOID(base::check_not_writable_by_others(file.number(), options.ca));
  auto trust = net::ClientTrust::of_pem(pem, own);
  if (!trust.has_value()) return trust.error().within(options.ca);
  return trust;
}

}  // namespace

Result<Peer> Peer::of(const SinkOptions& options) {
  Peer peer{.destination = {options.host, options.port, {.allow_private = true}}, .tls = nullptr};
  if (!options.tls) return peer;
  const auto trust = CLV_TRY(read_trust(options));
  peer.tls = std::make_shared<net::ClientTls>(
      trust, net::ClientTlsOptions{.server_name = options.host,
                                   .name_is_ip = options.host_is_ip,
                                   .is_http = options.type == SinkType::kWebhook});
  return peer;
}

}  // namespace claviger::sinks
