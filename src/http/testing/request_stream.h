// SPDX-License-Identifier: Apache-2.0
#pragma once

// Everything that a client sends on one connection, read twice: by the parser that is shipped and by the
// reference. Tests and the fuzz target hold the two against each other.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "http/testing/reference_parser.h"

namespace claviger::http::testing {

struct StreamReading {
  // kAccepted when the input is whole requests and nothing else.
  Verdict verdict = Verdict::kAccepted;
  std::vector<PlainRequest> requests;  // those before the end, or before the one that was refused
  std::string why;                     // what the parser refused it with
};

// `piece` bytes arrive at a time.
StreamReading read_stream(std::string_view input, const HeadLimits& limits, std::size_t piece);
StreamReading read_stream_with_reference(const std::string& input, const HeadLimits& limits);

// Says in what the two readings differ, or the parser from itself when bytes arrive piece by piece; empty
// when they agree. The parser may refuse early what the reference still waits for.
std::string find_difference(std::string_view input, const HeadLimits& limits);

}  // namespace claviger::http::testing
