// SPDX-License-Identifier: Apache-2.0
// Of JSON with secrets nothing is taken that the ordinary reader refuses, members read the same with both, and nothing stays.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "base/secret_json.h"
#include "fuzz_check.h"

namespace {

using claviger::base::Document;
using claviger::base::SecretArena;

SecretArena& arena() {
  static const auto kArena =
      *SecretArena::create({.memory = SecretArena::Memory::kLocked, .limit = std::size_t{8} << 20});
  return *kArena;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using claviger::fuzz::expect;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  {
    const auto parsed = claviger::base::SecretJson::parse(input, arena(), "input");
    if (parsed.has_value()) {
      const auto document = claviger::base::parse_json(input, "input");
      expect(document.has_value(), "what is taken is JSON to others, too");
      for (const auto& [name, value] : document->entries) {
        const auto text = parsed->text({name});
        const bool is_string = value.type == Document::Type::kScalar && value.quoted;
        expect(text.has_value() == is_string, "a string is a string");
        expect(!is_string || *text == value.scalar, "and the same one");
        expect(parsed->has({name}) == (value.type != Document::Type::kNull), "null is nothing");
        const auto number = parsed->number({name});
        expect(!number || (!value.quoted && value.type == Document::Type::kScalar), "a number is a number");
      }
    }
  }
  expect(arena().usage().in_use == 0, "nothing stays");
  return 0;
}
