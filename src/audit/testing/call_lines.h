// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace claviger::audit::testing {

// The line of event `number`, with its end, as the gateway writes one for a call; 450 bytes or so. One event in ten is a
// change of a credential. What follows from the number: second number / 100, principal number % 5 ("p0"...), upstream number % 3
// ("u0"...), status 200, or 503 for each 97th, request id the number in 32 hex digits.
std::string call_line(std::uint64_t number);
// Those of [begin, end).
std::string call_lines(std::uint64_t begin, std::uint64_t end);

}  // namespace claviger::audit::testing
