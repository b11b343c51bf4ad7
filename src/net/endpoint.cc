// SPDX-License-Identifier: Apache-2.0
#include "net/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "base/parse.h"

namespace claviger::net {
namespace {

Error no_endpoint(std::string_view text) {
  return Error::formatted(
      Code::kInvalid, Blame::kOperator,
      "'" + std::string(text) + "' is not ADDRESS:PORT; write for example 127.0.0.1:8443 or [::1]:8443");
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return no_endpoint(text);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = base::parse_ip(host);
  const auto port = base::parse_decimal(text.substr(colon + 1), 65535);
  if (!address.has_value() || !port.has_value() || address->v6 != bracketed) return no_endpoint(text);
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string format_endpoint(const Endpoint& endpoint) {
  const std::string address = base::format_ip(endpoint.address);
  return (endpoint.address.v6 ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port);
}

bool is_loopback(const base::IpAddress& address) noexcept {
  if (!address.v6) return address.bytes[0] == 127;
  return std::all_of(address.bytes.begin(), address.bytes.begin() + 15, [](auto b) { return b == 0; }) &&
         address.bytes[15] == 1;
}

bool is_unspecified(const base::IpAddress& address) noexcept {
  return std::all_of(address.bytes.begin(), address.bytes.end(), [](auto b) { return b == 0; });
}

SocketAddress to_socket_address(const Endpoint& endpoint) noexcept {
  SocketAddress out;
  if (endpoint.address.v6) {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(endpoint.port);
    std::memcpy(&in6.sin6_addr, endpoint.address.bytes.data(), 16);
    std::memcpy(&out.storage, &in6, sizeof in6);
    out.size = sizeof in6;
  } else {
    sockaddr_in in4{};
    in4.sin_family = AF_INET;
    in4.sin_port = htons(endpoint.port);
    std::memcpy(&in4.sin_addr, endpoint.address.bytes.data(), 4);
    std::memcpy(&out.storage, &in4, sizeof in4);
    out.size = sizeof in4;
  }
  return out;
}

Endpoint from_socket_address(const sockaddr_storage& storage) noexcept {
  Endpoint endpoint;
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, &storage, sizeof in6);
    endpoint.address = base::IpAddress::from_v6(std::span<const std::uint8_t, 16>(in6.sin6_addr.s6_addr));
    endpoint.port = ntohs(in6.sin6_port);
  } else if (storage.ss_family == AF_INET) {
    sockaddr_in in4;
    std::memcpy(&in4, &storage, sizeof in4);
    std::memcpy(endpoint.address.bytes.data(), &in4.sin_addr, 4);
    endpoint.port = ntohs(in4.sin_port);
  }
  return endpoint;
}

}  // namespace claviger::net
