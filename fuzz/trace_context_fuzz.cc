// SPDX-License-Identifier: Apache-2.0
// A traceparent field's value: what is let through is what the recommendation's grammar says, read plainly, and what is
// sent on is valid itself and of the same trace.
#include <cstddef>
#include <cstdint>
#include <regex>
#include <string>
#include <string_view>

#include "fuzz_check.h"
#include "gateway/trace_context.h"

using claviger::fuzz::expect;
using claviger::gateway::parse_traceparent;

namespace {

bool is_valid(const std::string& value) {
  static const std::regex form("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^]*)?",
                               std::regex::ECMAScript | std::regex::optimize);
  std::smatch found;
  if (value.size() > 4096 || !std::regex_match(value, found, form)) return false;
  if (found[1] == "ff" || (found[1] == "00" && found[5].matched)) return false;
  return found[2] != std::string(32, '0') && found[3] != std::string(16, '0');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string value(reinterpret_cast<const char*>(data), size);
  const auto trace = parse_traceparent(value);
  if (size <= 256)
    expect(trace.is_there() == is_valid(value), "what is let through is what the grammar says");
  if (!trace.is_there()) return 0;
  const auto sent = claviger::gateway::write_traceparent(trace, "b7ad6b7169203331");
  const std::string text(sent.data(), sent.size());
  expect(is_valid(text), "what is sent on is valid");
  expect(text.substr(3, 32) == value.substr(3, 32), "the trace goes on");
  expect(parse_traceparent(text).flags == trace.flags, "and its flags do");
  return 0;
}
