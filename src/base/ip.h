// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace claviger::base {

// An IPv4 or IPv6 address. IPv4-mapped IPv6 (::ffff:a.b.c.d) is folded into IPv4 on the way in, so that
// one machine has one address and a rule for 127.0.0.0/8 cannot be dodged in IPv6 clothing.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};  // IPv4 in the first four
  bool v6 = false;

  static IpAddress from_v4(std::span<const std::uint8_t, 4> octets) noexcept;
  static IpAddress from_v6(std::span<const std::uint8_t, 16> octets) noexcept;  // folds mapped ones
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// "192.0.2.1", "2001:db8::1"; no zone, no brackets, no octal or short forms.
Result<IpAddress> parse_ip(std::string_view text);
std::string format_ip(const IpAddress& address);

struct Cidr {
  IpAddress network;
  std::uint8_t prefix = 0;  // bits

  bool contains(const IpAddress& address) const noexcept;
  friend bool operator==(const Cidr&, const Cidr&) = default;
};

// "10.0.0.0/8", "2001:db8::/32", or an address alone. Host bits that are set are refused: "10.0.0.1/8"
// is likelier a slip than a wish.
Result<Cidr> parse_cidr(std::string_view text);

// What stands for whoever has the address: all of it, or of IPv6 its /64, of which one has every address.
// A view into the argument.
std::span<const std::uint8_t> network_of(const IpAddress& address) noexcept;

// Whether an address is out of bounds for an upstream unless allowed: loopback, private, link-local,
// unspecified, multicast, carrier-grade NAT, benchmarking, documentation and other special-purpose
// ranges (IANA special-purpose registries), NAT64 and 6to4 forms of any of those included.
bool is_special_purpose(const IpAddress& address) noexcept;

}  // namespace claviger::base
