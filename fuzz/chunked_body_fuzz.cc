// SPDX-License-Identifier: Apache-2.0
// A chunked body in pieces of several sizes, against the reference reading of it.

#include <cstdint>
#include <string>

#include "fuzz_check.h"
#include "http/body.h"
#include "http/testing/arrivals.h"
#include "http/testing/reference_parser.h"

namespace {

using namespace claviger;
using namespace claviger::http;
using claviger::fuzz::expect;
using claviger::http::testing::Verdict;

struct Reading {
  Verdict verdict = Verdict::kIncomplete;
  std::size_t size = 0;
  std::string data;
};

Reading read(std::string_view input, const testing::Cuts& cuts) {
  testing::Arrivals arrivals(input, cuts);
  BodyReader body(Framing::kChunked, 0, Blame::kCaller);
  Reading reading;
  const auto verdict = arrivals.take_body(body, reading.data);
  reading.verdict = verdict.has_value() ? *verdict : Verdict::kRefused;
  reading.size = arrivals.consumed();
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16384) return 0;
  const std::string input(data, data + size);
  const testing::ReferenceBody expected = testing::reference_chunked_body(input);
  for (const testing::Cuts& cuts :
       {testing::Cuts{}, testing::cut_every(size, 1), testing::cut_every(size, 3),
        testing::cut_somewhere(size, static_cast<std::uint32_t>(size)), testing::cut_somewhere(size, 1)}) {
    const Reading seen = read(input, cuts);
    const bool early = expected.verdict == Verdict::kIncomplete && seen.verdict == Verdict::kRefused;
    expect(early || seen.verdict == expected.verdict, "reader and reference accept the same");
    if (seen.verdict != Verdict::kAccepted) continue;
    expect(seen.data == expected.data, "they read the same data");
    expect(seen.size == expected.size, "they end at the same byte");
  }
  return 0;
}
