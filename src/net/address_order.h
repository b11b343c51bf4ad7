// SPDX-License-Identifier: Apache-2.0
#pragma once

// Internal to net: which of several addresses to try first.

#include <optional>

#include "base/ip.h"

namespace claviger::net {

// The address this machine would send from, or none when it has no way there. Asks the kernel's routes; sends nothing.
std::optional<base::IpAddress> source_for(const base::IpAddress& destination);

// How a destination fares under RFC 6724 section 6, given the address it would be reached from: the lower the better.
// Rules 1, 2, 5, 6 and 8. Not 9 (the longest common prefix): among equals the name server's order stands, by which it
// spreads the load.
unsigned rank_destination(const base::IpAddress& destination,
                          const std::optional<base::IpAddress>& source) noexcept;

}  // namespace claviger::net
