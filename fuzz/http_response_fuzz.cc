// SPDX-License-Identifier: Apache-2.0
// All that an upstream sends in answer to a request: read the same at once, byte by byte, and as the reference
// reads it; and the same again when the first head is written and read once more.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fuzz_check.h"
#include "http/head_writer.h"
#include "http/parser.h"
#include "http/testing/answer_stream.h"

namespace {

using namespace claviger;
using namespace claviger::http;
using claviger::fuzz::expect;

bool is_within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_invariants(std::string_view text, const ResponseHead& head, Method method) {
  expect(head.status >= 100 && head.status <= 599, "the status is in range");
  expect(head.framing != Framing::kUntilClose || !head.keep_alive, "until close means close");
  expect(head.framing != Framing::kLength || head.has_content_length, "a length has been said");
  expect(method != Method::kHead || head.framing == Framing::kNone, "no body answers HEAD");
  expect(is_within(head.reason, text), "the reason is within the head");
  for (const Field& field : head.fields) {
    expect(is_within(field.name, text) && is_within(field.value, text), "fields are within the head");
    expect(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
           "values hold no line ends");
    expect(field.known == classify(field.name), "fields are classified");
  }
}

void check_round_trip(const ResponseHead& head, Method method) {
  std::vector<char> memory(65536);
  HeadWriter out(memory);
  out.status_line(head.status, head.reason);
  for (const Field& field : head.fields) out.field(field.name, field.value);
  out.end();
  const auto again = std::make_unique<ResponseHead>();
  const HeadLimits limits{.bytes = memory.size()};
  expect(out.fits() && parse_response_head(out.text(), limits, method, *again).has_value(),
         "what was read can be written");
  expect(again->fields.size() == head.fields.size() && again->framing == head.framing, "and means the same");
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    expect(again->fields[i].name == head.fields[i].name && again->fields[i].value == head.fields[i].value,
           "fields survive");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 8192) return 0;
  const std::string input(data, data + size);
  for (const HeadLimits& limits : {HeadLimits{}, HeadLimits{.bytes = 200, .fields = 4}}) {
    for (const char* const method : {"GET", "HEAD"}) {
      const std::string difference = http::testing::find_answer_difference(input, limits, method);
      expect(difference.empty(), difference);
    }
  }

  HeadScanner scanner;
  const auto head_size = scanner.scan(input, {}, Blame::kUpstream);
  const std::string_view text(input.data(),
                              head_size.has_value() && *head_size > 0 ? *head_size : input.size());
  static ResponseHead head;
  for (const Method method : {Method::kGet, Method::kHead}) {
    if (!parse_response_head(text, {}, method, head).has_value()) continue;
    expect(head_size.has_value() && *head_size == text.size(),
           "the parser takes only what the scanner measured");
    check_invariants(text, head, method);
    if (head.minor == 1) check_round_trip(head, method);
  }
  return 0;
}
