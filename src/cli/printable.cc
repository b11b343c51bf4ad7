// SPDX-License-Identifier: Apache-2.0
#include "cli/printable.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

namespace claviger::cli {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t size = 1;
};

// The well-formed character at the front of `text` (RFC 3629).
std::optional<CodePoint> next_code_point(std::string_view text) noexcept {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return CodePoint{lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return std::nullopt;
  std::uint32_t value = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    value = (value << 6) | (byte(i) & 0x3fU);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kSmallest[size] || value > 0x10ffff || is_surrogate) return std::nullopt;
  return CodePoint{value, size};
}

// What a terminal acts on, or what makes it show something else than stands there.
bool acts_on_terminals(std::uint32_t c) noexcept {
  const bool is_control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
  const bool turns_direction = c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
                               (c >= 0x2066 && c <= 0x2069);
  return is_control || turns_direction || c == 0x2028 || c == 0x2029;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto c = next_code_point(text);
    const std::size_t size = c.has_value() ? c->size : 1;
    if (!c.has_value()) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    else if (!acts_on_terminals(c->value)) out += text.substr(0, size);
    else if (c->value == '\n') out += "\\n";
    else if (c->value == '\t') out += "\\t";
    else if (c->value < 0x80) out += fmt::format("\\x{:02x}", c->value);
    else out += fmt::format("\\u{:04x}", c->value);
    text.remove_prefix(size);
  }
  return out;
}

std::string printable_json(std::string_view lines) {
  std::string out;
  out.reserve(lines.size());
  while (!lines.empty()) {
    const auto c = next_code_point(lines);
    const std::size_t size = c.has_value() ? c->size : 1;
    if (!c.has_value()) out += "\\ufffd";
    else if (c->value == '\n' || !acts_on_terminals(c->value)) out += lines.substr(0, size);
    else out += fmt::format("\\u{:04x}", c->value);
    lines.remove_prefix(size);
  }
  return out;
}

}  // namespace claviger::cli
