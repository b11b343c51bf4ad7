// SPDX-License-Identifier: Apache-2.0
// All that a client sends on a connection: the parser reads it the same at once, byte by byte, and as the
// reference parser does.

#include <cstdint>
#include <string>

#include "fuzz_check.h"
#include "http/testing/request_stream.h"

using namespace claviger;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 8192) return 0;  // reading byte by byte is quadratic
  const std::string input(data, data + size);
  for (const http::HeadLimits& limits :
       {http::HeadLimits{}, http::HeadLimits{.bytes = 200, .fields = 4, .target = 30}}) {
    const std::string difference = http::testing::find_difference(input, limits);
    fuzz::expect(difference.empty(), difference);
  }
  return 0;
}
