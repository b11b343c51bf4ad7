// SPDX-License-Identifier: Apache-2.0
#include "telemetry/json_escape.h"

#include "telemetry/redact.h"

namespace claviger::telemetry {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

JsonUnit unit(std::string_view text, std::size_t taken) noexcept {
  JsonUnit made{};
  text.copy(made.text.data(), text.size());
  made.size = static_cast<std::uint8_t>(text.size());
  made.taken = static_cast<std::uint8_t>(taken);
  return made;
}

JsonUnit hex_escape(unsigned code, std::size_t taken) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::array<char, 6> text = {'\\', 'u', '0', '0', kDigits[code >> 4 & 0xf], kDigits[code & 0xf]};
  return unit({text.data(), text.size()}, taken);
}

JsonUnit ascii_unit(char c) noexcept {
  switch (c) {
    case '"':
      return unit("\\\"", 1);
    case '\\':
      return unit("\\\\", 1);
    case '\n':
      return unit("\\n", 1);
    case '\r':
      return unit("\\r", 1);
    case '\t':
      return unit("\\t", 1);
    default:
      break;
  }
  if (is_json_plain(c)) return unit({&c, 1}, 1);
  return hex_escape(static_cast<unsigned char>(c), 1);
}

// RFC 3629: how many bytes follow a lead byte, and what the first of them may be.
struct Lead {
  std::size_t more;
  unsigned low;
  unsigned high;
};

Lead lead_of(unsigned byte) noexcept {
  if (byte >= 0xc2 && byte <= 0xdf) return {1, 0x80, 0xbf};
  if (byte >= 0xe0 && byte <= 0xef) return {2, byte == 0xe0 ? 0xa0U : 0x80U, byte == 0xed ? 0x9fU : 0xbfU};
  if (byte >= 0xf0 && byte <= 0xf4) return {3, byte == 0xf0 ? 0x90U : 0x80U, byte == 0xf4 ? 0x8fU : 0xbfU};
  return {0, 0, 0};
}

}  // namespace

JsonUnit next_json_unit(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
  const unsigned first = byte(0);
  if (first < 0x80) return ascii_unit(text[0]);

  const Lead lead = lead_of(first);
  if (lead.more == 0) return unit(kReplacement, 1);
  for (std::size_t i = 1; i <= lead.more; ++i) {
    const unsigned low = i == 1 ? lead.low : 0x80;
    const unsigned high = i == 1 ? lead.high : 0xbf;
    if (i >= text.size() || byte(i) < low || byte(i) > high) return unit(kReplacement, i);
  }
  if (first == 0xc2 && byte(1) < 0xa0) return hex_escape(byte(1), 2);
  return unit(text.substr(0, lead.more + 1), lead.more + 1);
}

void append_json_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_json_plain(text[plain])) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    const JsonUnit next = next_json_unit(text);
    out.append(next.text.data(), next.size);
    text.remove_prefix(next.taken);
  }
}

}  // namespace claviger::telemetry
