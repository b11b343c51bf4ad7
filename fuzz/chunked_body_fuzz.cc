// SPDX-License-Identifier: Apache-2.0
// A chunked body in pieces of several sizes, against the reference reading of it.

#include <cstdint>
#include <string>
#include <vector>

#include "fuzz_check.h"
#include "http/body.h"
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

Reading read(std::string_view input, std::size_t piece) {
  BodyReader body(Framing::kChunked, 0, Blame::kCaller);
  Reading reading;
  while (!body.is_done() && reading.size < input.size()) {
    const std::string_view part = input.substr(reading.size, piece);
    const std::vector<char> exact(part.begin(), part.end());
    const auto step = body.next({exact.data(), exact.size()});
    if (!step.has_value()) {
      reading.verdict = Verdict::kRefused;
      return reading;
    }
    expect(step->consumed > 0 && step->consumed <= exact.size(),
           "each step takes something, and no more than there is");
    expect(step->data.empty() || (step->data.data() >= exact.data() &&
                                  step->data.data() + step->data.size() <= exact.data() + step->consumed),
           "data lies within what was taken");
    reading.data += step->data;
    reading.size += step->consumed;
  }
  expect(body.total() == reading.data.size(), "the total is what was handed out");
  if (body.is_done()) reading.verdict = Verdict::kAccepted;
  expect(body.end_of_input().has_value() == body.is_done(), "only a whole body may end");
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16384) return 0;
  const std::string input(data, data + size);
  const testing::ReferenceBody expected = testing::reference_chunked_body(input);
  for (const std::size_t piece : {size + 1, std::size_t{1}, std::size_t{3}}) {
    const Reading seen = read(input, piece);
    const bool early = expected.verdict == Verdict::kIncomplete && seen.verdict == Verdict::kRefused;
    expect(early || seen.verdict == expected.verdict, "reader and reference accept the same");
    if (seen.verdict != Verdict::kAccepted) continue;
    expect(seen.data == expected.data, "they read the same data");
    expect(seen.size == expected.size, "they end at the same byte");
  }
  return 0;
}
