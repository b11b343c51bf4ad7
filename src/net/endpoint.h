// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/result.h"

namespace claviger::net {

// An address and port, as listeners are bound to and upstreams are reached at.
struct Endpoint {
  base::IpAddress address;
  std::uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// "127.0.0.1:8443", "[::1]:8443". An address, not a name; the port may be 0. kInvalid otherwise.
Result<Endpoint> parse_endpoint(std::string_view text);
std::string format_endpoint(const Endpoint& endpoint);

bool is_loopback(const base::IpAddress& address) noexcept;
bool is_unspecified(const base::IpAddress& address) noexcept;

// To and from the operating system's form.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};
SocketAddress to_socket_address(const Endpoint& endpoint) noexcept;
Endpoint from_socket_address(const sockaddr_storage& storage) noexcept;

}  // namespace claviger::net
