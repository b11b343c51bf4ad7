// SPDX-License-Identifier: Apache-2.0
#pragma once

// What each byte may be part of (RFC 9110 section 5.6, RFC 3986 section 2), as one table, and passes that
// look at sixteen bytes at a time for the first that may not. Internal to http.

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace claviger::http {

// Bits of kOctets.
inline constexpr std::uint8_t kIsToken = 1;     // tchar
inline constexpr std::uint8_t kIsText = 2;      // HTAB, SP, VCHAR, obs-text: field values and reasons
inline constexpr std::uint8_t kIsTarget = 4;    // visible ASCII but '#'
inline constexpr std::uint8_t kIsHost = 8;      // letters, digits, '-', '.', '_'
inline constexpr std::uint8_t kIsPathChar = 16; // pchar without '%', and '/'
inline constexpr std::uint8_t kIsUnreserved = 32;
inline constexpr std::uint8_t kIsDigit = 64;

consteval std::array<std::uint8_t, 256> make_octets() {
  constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
  constexpr std::string_view kPathMarks = "-._~!$&'()*+,;=:@/";
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const char as_char = static_cast<char>(c);
    const bool digit = c >= '0' && c <= '9';
    const bool alnum = digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    unsigned bits = 0;
    if (alnum || kTokenMarks.contains(as_char)) bits |= kIsToken;
    if (c == '\t' || (c >= 0x20 && c != 0x7F)) bits |= kIsText;
    if (c > 0x20 && c < 0x7F && c != '#') bits |= kIsTarget;
    if (alnum || c == '-' || c == '.' || c == '_') bits |= kIsHost;
    if (alnum || kPathMarks.contains(as_char)) bits |= kIsPathChar;
    if (alnum || c == '-' || c == '.' || c == '_' || c == '~') bits |= kIsUnreserved;
    if (digit) bits |= kIsDigit;
    table[c] = static_cast<std::uint8_t>(bits);
  }
  return table;
}
inline constexpr std::array<std::uint8_t, 256> kOctets = make_octets();

constexpr bool is_octet(char c, std::uint8_t bits) noexcept {
  return (kOctets[static_cast<unsigned char>(c)] & bits) != 0;
}

// Whether `text` is one or more bytes of that kind.
constexpr bool is_all(std::string_view text, std::uint8_t bits) noexcept {
  for (const char c : text) {
    if (!is_octet(c, bits)) return false;
  }
  return !text.empty();
}

// The value of a hex digit of either case, 255 for other bytes.
constexpr std::uint8_t hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  const char folded = static_cast<char>(c | 0x20);
  if (folded >= 'a' && folded <= 'f') return static_cast<std::uint8_t>(folded - 'a' + 10);
  return 255;
}

using OctetBlock [[gnu::vector_size(16)]] = unsigned char;

// The first byte in [p, end) that is not of kind `bits`, or `end`. `suspects` marks, sixteen bytes at a
// time, those that are not or, unless kExact, may not be; then the table has the last word.
template <bool kExact, class Suspects>
inline const char* find_other(const char* p, const char* end, std::uint8_t bits, Suspects suspects) noexcept {
  using Flags = bool __attribute__((ext_vector_type(16)));
  while (end - p >= 16) {
    OctetBlock block;
    std::memcpy(&block, p, sizeof block);
    const auto mask = std::bit_cast<std::uint16_t>(__builtin_convertvector(suspects(block), Flags));
    if (mask == 0) {
      p += 16;
      continue;
    }
    p += std::countr_zero(mask);
    if (kExact || !is_octet(*p, bits)) return p;
    ++p;
  }
  while (p != end && is_octet(*p, bits)) ++p;
  return p;
}

inline const char* find_non_text(const char* p, const char* end) noexcept {
  return find_other<true>(p, end, kIsText,
                          [](OctetBlock v) { return ((v < 0x20) & (v != '\t')) | (v == 0x7F); });
}

inline const char* find_non_target(const char* p, const char* end) noexcept {
  return find_other<true>(p, end, kIsTarget, [](OctetBlock v) { return ((v - 0x21) > 0x5D) | (v == '#'); });
}

// Tokens are letters, digits and '-' nearly always.
inline const char* find_non_token(const char* p, const char* end) noexcept {
  return find_other<false>(p, end, kIsToken, [](OctetBlock v) {
    const OctetBlock folded = v | 0x20;
    return ((folded - 'a') > 25) & ((v - '0') > 9) & (v != '-');
  });
}

}  // namespace claviger::http
