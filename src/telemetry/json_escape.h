// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace claviger::telemetry {

// Bytes that stand for themselves inside a JSON string. DEL is not among them, and neither are the C1
// controls (see next_json_unit): terminals act on both.
inline constexpr std::array<bool, 256> kJsonPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

inline bool is_json_plain(char c) noexcept { return kJsonPlain[static_cast<unsigned char>(c)]; }

// The longest that one unit can become: "\u001b".
inline constexpr std::size_t kJsonUnitMax = 6;

// What one character of the input becomes.
struct JsonUnit {
  std::array<char, kJsonUnitMax> text;
  std::uint8_t size;   // of `text`
  std::uint8_t taken;  // bytes of the input
};

// The unit at the front of `text`: an escape, a well-formed UTF-8 sequence as it is, or U+FFFD for bytes
// that are none (one for each maximal ill-formed part, as Unicode recommends).
// Requires: `text` is not empty.
JsonUnit next_json_unit(std::string_view text) noexcept;

}  // namespace claviger::telemetry
