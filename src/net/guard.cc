// SPDX-License-Identifier: Apache-2.0
#include "net/guard.h"

#include <ifaddrs.h>

#include <algorithm>
#include <string>

namespace claviger::net {
namespace {

// Whether the address is one of this machine's: what a listener on 0.0.0.0 or :: answers on.
bool is_own_address(const base::IpAddress& address) {
  if (is_loopback(address) || is_unspecified(address)) return true;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return true;  // not known: rather refuse than loop
  bool found = false;
  for (const ifaddrs* each = list; each != nullptr && !found; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    sockaddr_storage storage{};
    const auto family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    std::copy_n(reinterpret_cast<const char*>(each->ifa_addr), family == AF_INET ? 16 : 28,
                reinterpret_cast<char*>(&storage));
    found = from_socket_address(storage).address == address;
  }
  ::freeifaddrs(list);
  return found;
}

bool is_own_listener(const AddressRules& rules, const Endpoint& endpoint) {
  return std::any_of(rules.own_listeners.begin(), rules.own_listeners.end(), [&](const Endpoint& own) {
    if (own.port != endpoint.port) return false;
    if (own.address == endpoint.address) return true;
    // 0.0.0.0 as a destination means this machine, and a listener on it answers on every address.
    return (is_unspecified(own.address) || is_unspecified(endpoint.address)) &&
           is_own_address(endpoint.address);
  });
}

}  // namespace

Result<void> check_address(const AddressRules& rules, const Endpoint& endpoint) {
  if (is_own_listener(rules, endpoint))
    return Error(Code::kUpstreamFailed, Blame::kOperator,
                 "the upstream's address is a listener of this gateway");
  if (rules.allow_private || !base::is_special_purpose(endpoint.address)) return ok();
  const bool allowed = std::any_of(rules.allowed.begin(), rules.allowed.end(),
                                   [&](const base::Cidr& range) { return range.contains(endpoint.address); });
  if (allowed) return ok();
  return Error::formatted(
      Code::kUpstreamFailed, Blame::kOperator,
      "the upstream's address " + base::format_ip(endpoint.address) +
          " is private or special-purpose; if that is meant, list it in allow_private_addresses");
}

}  // namespace claviger::net
