// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

// What redact() takes for a credential: the tables and how they are looked up. To cover another header,
// parameter or provider, add a row in redact_rules.cc and a case in redact_test.cc.
namespace claviger::telemetry {

// How a name gives its value away.
enum class NameKind : std::uint8_t {
  kLine,  // "name: value" or "name=value", the value being the rest of the line (Authorization, Cookie)
  kWord,  // "name: value" or "name=value", one word
  kAssigned,  // "name=value" or "\"name\": ..."; with a colon alone it is too often prose
  kQuery,  // only as a parameter of a query or form: "?name=", "&name=", "name=...&"
};

// Case, '-' and '_' do not count; all but kQuery are found as the end of a longer name as well
// ("OPENAI_API_KEY", "x-goog-api-key").
std::optional<NameKind> classify_name(std::string_view name) noexcept;

// A credential that is known by its looks.
struct Shape {
  std::size_t keep;  // leading characters that are no secret (the id of a Claviger key)
};

// The shape that starts at `text[at]`. `at_boundary`: no letter or digit stands before it.
// Looks no further than some dozens of characters.
std::optional<Shape> shape_at(std::string_view text, std::size_t at, bool at_boundary) noexcept;

// Length of "clv_<id>_" at `text[at]`, or 0. The id is for people to talk about a key, and stays.
std::size_t key_id_at(std::string_view text, std::size_t at) noexcept;

// Whether some shape starts with `c`: the cheap question that comes first.
bool may_start_shape(char c) noexcept;

// "Bearer", "basic", ... at `text[at]`, not followed by a letter or digit; its length, or 0.
std::size_t scheme_at(std::string_view text, std::size_t at) noexcept;

// Whether what follows an authentication scheme looks like a token rather than a word of a sentence
// ("Basic authentication failed").
bool looks_like_token(std::string_view text) noexcept;

}  // namespace claviger::telemetry
