// SPDX-License-Identifier: Apache-2.0
// The reader of log lines: the first byte says how small its blocks are; the lines must be those of a plain reading.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "audit/line.h"
#include "fuzz_check.h"

using claviger::Result;
using claviger::audit::LineScanner;
using claviger::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t block = data[0] + std::size_t{1};
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  LineScanner scanner(
      [text](std::uint64_t offset, std::span<char> into) -> Result<std::size_t> {
        const auto part = text.substr(std::min<std::size_t>(offset, text.size()), into.size());
        std::ranges::copy(part, into.begin());
        return part.size();
      },
      0, block);
  std::size_t at = 0;
  for (auto line = *scanner.next(); line; line = *scanner.next()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const bool is_too_long = end - at > claviger::audit::kMaxLine;
    expect(line->offset == at, "lines follow each other");
    expect(line->text == text.substr(at, std::min(end - at, claviger::audit::kMaxLine)),
           "a line is what stands there");
    expect((line->kind == LineScanner::Line::Kind::kTooLong) == is_too_long,
           "lines that are too long are said to be");
    if (claviger::audit::is_line(line->text))
      expect(line->text.find('\0') == std::string_view::npos, "an event has no control characters");
    (void)claviger::audit::find_outbox(line->text);
    at = is_too_long ? text.size() : std::min(end + 1, text.size());
  }
  expect(at == text.size(), "nothing is passed over");
  return 0;
}
