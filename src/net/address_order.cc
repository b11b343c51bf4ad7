// SPDX-License-Identifier: Apache-2.0
#include "net/address_order.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "net/endpoint.h"

namespace claviger::net {
namespace {

constexpr std::uint16_t kAnyPort = 443;  // none is sent to; the kernel wants one

// RFC 6724 section 2.1.
struct Policy {
  std::array<std::uint8_t, 16> prefix;
  unsigned bits;
  unsigned precedence;
  unsigned label;
};
constexpr std::array<Policy, 8> kPolicies{{
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, 50, 0},  // ::1
    {{}, 96, 1, 3},                                                  // ::/96
    {{0x20, 0x02}, 16, 30, 2},                                       // 6to4
    {{0x20, 0x01}, 32, 5, 5},                                        // Teredo
    {{0xfc}, 7, 3, 13},                                              // unique local
    {{0xfe, 0xc0}, 10, 1, 11},                                       // site-local
    {{0x3f, 0xfe}, 16, 1, 12},                                       // 6bone
    {{}, 0, 40, 1},
}};
constexpr Policy kIpv4{{}, 96, 35, 4};  // ::ffff:0:0/96; IpAddress folds those into IPv4

bool starts_with(const base::IpAddress& address, const Policy& policy) noexcept {
  const unsigned whole = policy.bits / 8;
  if (!std::equal(policy.prefix.begin(), policy.prefix.begin() + whole, address.bytes.begin())) return false;
  const unsigned rest = policy.bits % 8;
  return rest == 0 || ((policy.prefix[whole] ^ address.bytes[whole]) >> (8 - rest)) == 0;
}

const Policy& policy_of(const base::IpAddress& address) noexcept {
  if (!address.v6) return kIpv4;
  return *std::find_if(kPolicies.begin(), kPolicies.end(),
                       [&](const Policy& each) { return starts_with(address, each); });
}

// RFC 6724 section 3.1: four bits. Private IPv4 addresses are global here.
unsigned scope_of(const base::IpAddress& address) noexcept {
  constexpr unsigned kLinkLocal = 2;
  constexpr unsigned kSiteLocal = 5;
  constexpr unsigned kGlobal = 14;
  const auto& bytes = address.bytes;
  if (is_loopback(address)) return kLinkLocal;
  if (!address.v6) return bytes[0] == 169 && bytes[1] == 254 ? kLinkLocal : kGlobal;
  if (bytes[0] == 0xff) return bytes[1] & 0x0fU;
  if (bytes[0] != 0xfe) return kGlobal;
  if ((bytes[1] & 0xc0U) == 0x80) return kLinkLocal;
  return (bytes[1] & 0xc0U) == 0xc0 ? kSiteLocal : kGlobal;
}

}  // namespace

std::optional<base::IpAddress> source_for(const base::IpAddress& destination) {
  const SocketAddress to = to_socket_address({destination, kAnyPort});
  const int fd = ::socket(to.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  std::optional<base::IpAddress> source;
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (::connect(fd, to.get(), to.size) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0)
    source = from_socket_address(own).address;
  ::close(fd);
  return source;
}

unsigned rank_destination(const base::IpAddress& destination,
                          const std::optional<base::IpAddress>& source) noexcept {
  const Policy& policy = policy_of(destination);
  const unsigned scope = scope_of(destination);
  const bool usable = source.has_value();
  const bool scopes_match = usable && scope_of(*source) == scope;
  const bool labels_match = usable && policy_of(*source).label == policy.label;
  // One rule after the other, the first in the highest bit.
  return (usable ? 0U : 1U) << 12 | (scopes_match ? 0U : 1U) << 11 | (labels_match ? 0U : 1U) << 10 |
         (63U - policy.precedence) << 4 | scope;
}

}  // namespace claviger::net
