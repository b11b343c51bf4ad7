// SPDX-License-Identifier: Apache-2.0
#include "audit/event_fields.h"
#include "audit/line.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

namespace claviger::audit {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

constexpr std::array<std::string_view, kFieldCount> kNames = {
    "time",    "type",     "kind",     "name",     "actor",     "key_id",     "status",
    "address", "trace_id", "upstream", "decision", "principal", "request_id", "credential"};

// The names of one length, so that most members of an event are told apart by their length alone. kNames is in its order.
struct Candidates {
  std::uint8_t begin = 0, end = 0;
};
constexpr std::size_t kLongestName = 10;
constexpr auto kByLength = [] {
  std::array<Candidates, kLongestName + 1> all{};
  for (std::uint8_t i = 0; i < kFieldCount; ++i) {
    Candidates& same = all[kNames[i].size()];
    if (same.end == 0) same.begin = i;
    same.end = static_cast<std::uint8_t>(i + 1);
  }
  return all;
}();
static_assert(std::ranges::is_sorted(kNames, {}, &std::string_view::size));

std::optional<Field> field_of(std::string_view name) noexcept {
  if (name.size() > kLongestName) return std::nullopt;
  const Candidates same = kByLength[name.size()];
  for (std::uint8_t i = same.begin; i < same.end; ++i)
    if (std::memcmp(name.data(), kNames[i].data(), name.size()) == 0) return static_cast<Field>(i);
  return std::nullopt;
}

// The first quote in [at, end), or `end`; eight bytes at a time, since most strings of an event are short and a call of
// memchr() for each would take longer than the bytes do.
const char* find_quote(const char* at, const char* end) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  if constexpr (std::endian::native == std::endian::little) {
    for (; end - at >= 8; at += 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, at, sizeof eight);
      eight ^= kOnes * '"';
      const std::uint64_t found = (eight - kOnes) & ~eight & (kOnes * 0x80);
      if (found != 0) return at + std::countr_zero(found) / 8;
    }
  }
  while (at < end && *at != '"') ++at;
  return at;
}

// The quote that ends the string whose first byte behind its quote is at `at`. An odd number of backslashes before a quote
// makes it part of the string.
std::size_t end_of_string(std::string_view text, std::size_t at) noexcept {
  for (std::size_t from = at;;) {
    const auto quote =
        static_cast<std::size_t>(find_quote(text.data() + from, text.data() + text.size()) - text.data());
    if (quote == text.size()) return kNone;
    std::size_t before = quote;
    while (before > from && text[before - 1] == '\\') --before;
    if ((quote - before) % 2 == 0) return quote;
    from = quote + 1;
  }
}

// The same for a member's name, which has no escapes: there is one way to write a name in the log.
std::size_t end_of_name(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && text[at] != '"' && text[at] != '\\') ++at;
  return at < text.size() && text[at] == '"' ? at : kNone;
}

// Behind the array or object that begins at `at`.
std::size_t behind_nested(std::string_view text, std::size_t at) noexcept {
  for (std::size_t depth = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      at = at + 1 < text.size() ? end_of_string(text, at + 1) : kNone;
      if (at == kNone) return kNone;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return at + 1;
    }
  }
  return kNone;
}

// Behind a number, true, false or null: all that stands before the comma or the brace.
std::size_t behind_word(std::string_view text, std::size_t at) noexcept {
  const std::size_t begin = at;
  const auto is_of_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' || c == 'E';
  };
  while (at < text.size() && is_of_word(text[at])) ++at;
  return at == begin ? kNone : at;
}

bool is_number(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// What is of another kind than it should be is as if it were not there.
bool is_of_kind(Field field, std::string_view value, bool is_string) noexcept {
  return field == Field::kStatus ? !is_string && is_number(value) : is_string;
}

}  // namespace

bool scan_fields(std::string_view line, EventFields& into) noexcept {
  into = {};
  if (line.size() < 2 || line[0] != '{') return false;
  std::size_t at = 1;
  for (std::uint32_t seen = 0;; ++at) {
    if (at + 1 >= line.size() || line[at] != '"') return false;
    const std::size_t name_end = end_of_name(line, at + 1);
    if (name_end == kNone || name_end + 2 >= line.size() || line[name_end + 1] != ':') return false;
    const std::string_view name = line.substr(at + 1, name_end - at - 1);
    const std::size_t begin = name_end + 2;
    const bool is_string = line[begin] == '"';
    std::string_view value;
    if (is_string) {
      const std::size_t end = end_of_string(line, begin + 1);
      if (end == kNone) return false;
      value = line.substr(begin + 1, end - begin - 1);
      at = end + 1;
    } else {
      at = line[begin] == '{' || line[begin] == '[' ? behind_nested(line, begin) : behind_word(line, begin);
      if (at == kNone) return false;
      value = line.substr(begin, at - begin);
    }
    if (const auto field = field_of(name)) {
      const std::uint32_t bit = 1U << static_cast<unsigned>(*field);
      if ((seen & bit) != 0) return false;
      seen |= bit;
      if (is_of_kind(*field, value, is_string)) into.at(*field) = value;
    }
    if (at >= line.size()) return false;
    if (line[at] == '}') break;
    if (line[at] != ',') return false;
  }
  return at + 1 == line.size() && is_canonical_time(into[Field::kTime]);
}

}  // namespace claviger::audit
