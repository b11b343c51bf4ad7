// SPDX-License-Identifier: Apache-2.0
#include "sources/reader.h"

#include <memory>

#include "net/trust_file.h"

namespace claviger::sources {

net::Task<Result<std::chrono::seconds>> Reader::renew(const http::FetchSurroundings&, Lease) {
  co_return Error(Code::kInternal, Blame::kGateway, "it gives no leases");
}

Result<http::FetchTarget> make_target(const StoreAddress& address) {
  const http::BaseUrl& base = address.base;
  http::FetchTarget target{
      .destination = {base.host, static_cast<std::uint16_t>(base.port), {.allow_private = true}},
      .tls = nullptr,
      .authority = base.authority};
  if (!base.tls) return target;
  target.tls = std::make_shared<net::ClientTls>(
      CLV_TRY(net::read_trust_file(address.ca)),
      net::ClientTlsOptions{.server_name = base.host, .name_is_ip = base.host_is_ip});
  return target;
}

}  // namespace claviger::sources
