// SPDX-License-Identifier: Apache-2.0
#include "cli/admin_address.h"

#include "http/path.h"

namespace claviger::cli {
namespace {

constexpr unsigned kDefaultPort = 9443;

Error refuse(std::string_view what) {
  return Error::formatted(
      Code::kInvalid, Blame::kOperator,
      "CLAVIGER_ADDR: " + std::string(what) + "; it is a URL such as " + std::string(kDefaultAdminAddress));
}

bool is_this_machine(const http::BaseUrl& url) {
  if (!url.host_is_ip) return url.host == "localhost";
  const auto address = base::parse_ip(url.host);
  return address.has_value() && net::is_loopback(*address);
}

// A port that is written down, as opposed to the scheme's.
bool has_port(std::string_view text) noexcept {
  const std::size_t end = text.find_last_not_of('/');
  const std::size_t colon = text.rfind(':');
  return colon != std::string_view::npos && colon + 1 < text.size() && colon < end &&
         text.substr(colon + 1, end - colon).find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

Result<AdminAddress> parse_admin_address(std::string_view text) {
  const auto url = http::parse_base_url(text);
  if (!url.has_value()) return refuse(url.error().what());
  if (!url->path.empty()) return refuse("it has a path");
  if (!url->tls && !is_this_machine(*url))
    return refuse("http:// is for this machine alone, since the key would cross the network in the clear");
  const unsigned port = has_port(text) ? url->port : kDefaultPort;
  AdminAddress address;
  address.tls = url->tls;
  address.host_is_ip = url->host_is_ip;
  const std::string host = url->host.contains(':') ? "[" + url->host + "]" : url->host;
  address.authority = host + ":" + std::to_string(port);
  address.text = (url->tls ? "https://" : "http://") + address.authority;
  address.destination.host = url->host;
  address.destination.port = static_cast<std::uint16_t>(port);
  // The operator has chosen the address; the guard is for destinations that others choose.
  address.destination.rules.allow_private = true;
  return address;
}

}  // namespace claviger::cli
