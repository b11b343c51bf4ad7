// SPDX-License-Identifier: Apache-2.0
// The IANA special-purpose address registries (RFC 6890 and what came after), read strictly: an entry
// counts even where the registry calls it globally reachable, since no upstream API lives there.
#include <array>
#include <cstdint>

#include "base/ip.h"

namespace claviger::base {
namespace {

struct RangeV4 {
  std::uint32_t network;
  unsigned prefix;
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr std::array<RangeV4, 18> kSpecialV4{{
    {v4(0, 0, 0, 0), 8},         // this network
    {v4(10, 0, 0, 0), 8},        // private
    {v4(100, 64, 0, 0), 10},     // carrier-grade NAT
    {v4(127, 0, 0, 0), 8},       // loopback
    {v4(169, 254, 0, 0), 16},    // link-local, cloud metadata
    {v4(172, 16, 0, 0), 12},     // private
    {v4(192, 0, 0, 0), 24},      // IETF protocol assignments
    {v4(192, 0, 2, 0), 24},      // documentation
    {v4(192, 31, 196, 0), 24},   // AS112
    {v4(192, 52, 193, 0), 24},   // AMT
    {v4(192, 88, 99, 0), 24},    // 6to4 relays
    {v4(192, 168, 0, 0), 16},    // private
    {v4(192, 175, 48, 0), 24},   // AS112
    {v4(198, 18, 0, 0), 15},     // benchmarking
    {v4(198, 51, 100, 0), 24},   // documentation
    {v4(203, 0, 113, 0), 24},    // documentation
    {v4(224, 0, 0, 0), 4},       // multicast
    {v4(240, 0, 0, 0), 4},       // reserved, limited broadcast
}};

bool is_special_v4(std::uint32_t address) noexcept {
  for (const RangeV4& range : kSpecialV4) {
    if ((address ^ range.network) >> (32 - range.prefix) == 0) return true;
  }
  return false;
}

// An IPv6 address as its first groups of 16 bits, which is all that the registry's ranges look at.
std::uint32_t group(const IpAddress& address, std::size_t number) noexcept {
  return static_cast<std::uint32_t>(address.bytes[2 * number] << 8 | address.bytes[2 * number + 1]);
}

std::uint32_t embedded_v4(const IpAddress& address, std::size_t at) noexcept {
  return group(address, at) << 16 | group(address, at + 1);
}

bool is_special_v6(const IpAddress& address) noexcept {
  const std::uint32_t first = group(address, 0);
  const std::uint32_t second = group(address, 1);
  // 64:ff9b::/96, NAT64: as special as the IPv4 address within.
  if (first == 0x64 && second == 0xff9b && group(address, 2) == 0 && group(address, 3) == 0 &&
      group(address, 4) == 0 && group(address, 5) == 0) {
    return is_special_v4(embedded_v4(address, 6));
  }
  // Nothing else outside 2000::/3 is global unicast: loopback, unspecified, discard, unique local,
  // link-local, site-local, multicast, local NAT64, segment routing, unassigned.
  if (first >> 13 != 1) return true;
  if (first == 0x2002) return is_special_v4(embedded_v4(address, 1));               // 6to4
  if (first == 0x2001 && second < 0x200) return true;  // 2001::/23: Teredo, ORCHID, ...
  if (first == 0x2001 && second == 0xdb8) return true;  // documentation
  if (first == 0x2620 && second == 0x4f && group(address, 2) == 0x8000) return true;  // AS112
  return first == 0x3fff && second < 0x1000;  // documentation, 3fff::/20
}

}  // namespace

bool is_special_purpose(const IpAddress& address) noexcept {
  return address.v6 ? is_special_v6(address) : is_special_v4(embedded_v4(address, 0));
}

}  // namespace claviger::base
