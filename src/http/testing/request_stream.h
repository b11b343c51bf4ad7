// SPDX-License-Identifier: Apache-2.0
#pragma once

// Everything that a client sends on one connection, read twice: by the parser that is shipped and by the
// reference. Tests and the fuzz targets hold the two against each other.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/testing/arrivals.h"
#include "http/testing/reference_parser.h"

namespace claviger::http::testing {

struct RequestReading {
  // kAccepted when the input is whole requests and nothing else.
  Verdict verdict = Verdict::kAccepted;
  std::vector<PlainRequest> requests;  // those before the end, or before the one that was refused
  std::size_t consumed = 0;            // bytes of those
  std::string why;                     // what the parser refused the next one with
  std::optional<Code> code;            // and as what
};

RequestReading read_requests(std::string_view input, const HeadLimits& limits, const Cuts& cuts = {});
RequestReading read_requests_with_reference(const std::string& input, const HeadLimits& limits);
PlainRequest plain(const RequestHead& head);

// Says in what the two readings differ, or the parser from itself when bytes arrive piece by piece; empty
// when they agree. The parser may refuse early what the reference still waits for, if nothing that could
// follow would make the reference accept it.
std::string find_difference(std::string_view input, const HeadLimits& limits);
// The same for the input cut in two, at every place. Slow.
std::string find_difference_when_split(std::string_view input, const HeadLimits& limits);

}  // namespace claviger::http::testing
