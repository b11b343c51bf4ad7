// SPDX-License-Identifier: Apache-2.0
// Whatever is read as JSON is written so that it reads the same again, and writing it twice changes nothing.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/parse.h"
#include "fuzz_check.h"

namespace {

using claviger::base::Document;
using claviger::base::DocumentEntry;

bool is_same(const Document& a, const Document& b) {
  if (a.type != b.type || a.scalar != b.scalar || a.quoted != b.quoted) return false;
  return std::ranges::equal(a.items, b.items, is_same) &&
         std::ranges::equal(a.entries, b.entries, [](const DocumentEntry& x, const DocumentEntry& y) {
           return x.first == y.first && is_same(x.second, y.second);
         });
}

std::string written(const Document& node) {
  std::string text;
  claviger::base::append_json(text, node);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using claviger::fuzz::expect;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto parsed = claviger::base::parse_json(input, "input", 10'000);
  std::string quoted;
  claviger::base::append_json_string(quoted, input);
  const auto text = claviger::base::parse_json(quoted, "input");
  expect(text.has_value() && text->quoted, "any bytes can be written as a string");
  expect(!claviger::base::is_utf8(input) || text->scalar == input, "text that is UTF-8 comes back as it was");
  if (!parsed.has_value()) return 0;
  expect(claviger::base::is_utf8(input), "what is taken is UTF-8");
  const std::string once = written(*parsed);
  const auto back = claviger::base::parse_json(once, "input", 10'000);
  expect(back.has_value() && is_same(*parsed, *back), "what was written reads the same");
  expect(written(*back) == once, "written twice is written the same");
  return 0;
}
