// SPDX-License-Identifier: Apache-2.0
#include "base/ip.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"

namespace claviger::base {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t kLongestText = INET6_ADDRSTRLEN - 1;

Error not_an_address() { return Error(Code::kInvalid, Blame::kOperator, "not an IP address"); }

// inet_pton would stop at a NUL within, so what it is given is checked for being address text at all.
bool is_address_text(std::string_view text) noexcept {
  const auto belongs = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
  };
  return !text.empty() && text.size() <= kLongestText && std::ranges::all_of(text, belongs);
}

std::size_t width_of(const IpAddress& address) noexcept { return address.v6 ? 128 : 32; }

bool shares_prefix(const IpAddress& a, const IpAddress& b, std::size_t bits) noexcept {
  const std::size_t whole = bits / 8;
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + static_cast<std::ptrdiff_t>(whole), b.bytes.begin()))
    return false;
  const std::size_t rest = bits % 8;
  return rest == 0 || ((a.bytes[whole] ^ b.bytes[whole]) >> (8 - rest)) == 0;
}

bool has_host_bits(const Cidr& range) noexcept {
  for (std::size_t bit = range.prefix; bit < width_of(range.network); ++bit) {
    if ((range.network.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return true;
  }
  return false;
}

}  // namespace

IpAddress IpAddress::from_v4(std::span<const std::uint8_t, 4> octets) noexcept {
  IpAddress address;
  std::ranges::copy(octets, address.bytes.begin());
  return address;
}

IpAddress IpAddress::from_v6(std::span<const std::uint8_t, 16> octets) noexcept {
  if (std::ranges::equal(octets.first<12>(), kMappedPrefix)) return from_v4(octets.last<4>());
  IpAddress address;
  address.v6 = true;
  std::ranges::copy(octets, address.bytes.begin());
  return address;
}

Result<IpAddress> parse_ip(std::string_view text) {
  if (!is_address_text(text)) return not_an_address();
  std::array<char, kLongestText + 1> terminated{};
  std::ranges::copy(text, terminated.begin());
  if (text.find(':') == std::string_view::npos) {
    std::array<std::uint8_t, 4> octets{};
    if (::inet_pton(AF_INET, terminated.data(), octets.data()) != 1) return not_an_address();
    return IpAddress::from_v4(octets);
  }
  std::array<std::uint8_t, 16> octets{};
  if (::inet_pton(AF_INET6, terminated.data(), octets.data()) != 1) return not_an_address();
  return IpAddress::from_v6(octets);
}

std::string format_ip(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
  return text.data();
}

bool Cidr::contains(const IpAddress& address) const noexcept {
  return address.v6 == network.v6 && shares_prefix(address, network, prefix);
}

Result<Cidr> parse_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  Cidr range{.network = CLV_TRY(parse_ip(address))};
  const std::size_t width = width_of(range.network);
  range.prefix = static_cast<std::uint8_t>(width);
  if (slash == std::string_view::npos) return range;

  // A mapped network was folded into IPv4, and its prefix counts from the front of the IPv6 address.
  const bool folded = !range.network.v6 && address.find(':') != std::string_view::npos;
  const auto bits = parse_decimal(text.substr(slash + 1), folded ? 128 : width);
  if (!bits.has_value() || (folded && *bits < 96)) {
    return Error(Code::kInvalid, Blame::kOperator, "not a prefix length for this address");
  }
  range.prefix = static_cast<std::uint8_t>(folded ? *bits - 96 : *bits);
  if (has_host_bits(range)) {
    return Error(Code::kInvalid, Blame::kOperator,
                 "network with host bits set (write 10.0.0.0/8, not 10.0.0.1/8)");
  }
  return range;
}

std::span<const std::uint8_t> network_of(const IpAddress& address) noexcept {
  return std::span(address.bytes).first(address.v6 ? 8 : 4);
}

}  // namespace claviger::base
