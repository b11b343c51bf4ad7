// SPDX-License-Identifier: Apache-2.0
#include "crypto/encode.h"

#include <array>
#include <cstdint>

#include "base/check.h"
#include "base/secret_arena.h"

namespace claviger::crypto {
namespace {

// (a - b) >> 8 is all ones when a < b, else zero, for a and b below 256: a comparison without a branch.
constexpr int below(int a, int b) noexcept { return (a - b) >> 8; }

// 0..63 to its character. Each line moves on to the next range of the alphabet when the value lies there.
constexpr char encode_sextet(int value) noexcept {
  int offset = 'A';
  offset += below(25, value) & ('a' - 'A' - 26);
  offset += below(51, value) & ('0' - 'a' - 26);
  offset += below(61, value) & ('+' - '0' - 10);
  offset += below(62, value) & ('/' - '+' - 1);
  return static_cast<char>(value + offset);
}

// A character to 0..63, or -1.
constexpr int decode_sextet(int c) noexcept {
  int value = -1;
  value += below('A' - 1, c) & below(c, 'Z' + 1) & (c - 'A' + 1);
  value += below('a' - 1, c) & below(c, 'z' + 1) & (c - 'a' + 27);
  value += below('0' - 1, c) & below(c, '9' + 1) & (c - '0' + 53);
  value += below('+' - 1, c) & below(c, '+' + 1) & 63;
  value += below('/' - 1, c) & below(c, '/' + 1) & 64;
  return value;
}

int octet(std::byte byte) noexcept { return std::to_integer<int>(byte); }

// [n][b]: the CRC of byte b with n zero bytes behind it, so that eight bytes are taken at a time ("slicing by 8"): one by
// one, each waits for the one before.
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;
consteval CrcTables crc_tables() {
  CrcTables tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
    tables[0][i] = crc;
  }
  for (std::size_t n = 1; n < tables.size(); ++n)
    for (std::size_t i = 0; i < 256; ++i)
      tables[n][i] = tables[n - 1][i] >> 8 ^ tables[0][tables[n - 1][i] & 255];
  return tables;
}
constexpr CrcTables kCrc = crc_tables();

std::uint32_t little_endian(std::string_view four) noexcept {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) word |= std::uint32_t{static_cast<unsigned char>(four[i])} << 8 * i;
  return word;
}

}  // namespace

void base64_encode(std::span<const std::byte> data, std::span<char> out) noexcept {
  CLV_CHECK(out.size() == base64_size(data.size()));
  std::size_t at = 0;
  for (; data.size() >= 3; data = data.subspan(3)) {
    const int group = octet(data[0]) << 16 | octet(data[1]) << 8 | octet(data[2]);
    for (int shift = 18; shift >= 0; shift -= 6) out[at++] = encode_sextet(group >> shift & 63);
  }
  if (data.empty()) return;
  const int group = octet(data[0]) << 16 | (data.size() == 2 ? octet(data[1]) << 8 : 0);
  out[at++] = encode_sextet(group >> 18);
  out[at++] = encode_sextet(group >> 12 & 63);
  out[at++] = data.size() == 2 ? encode_sextet(group >> 6 & 63) : '=';
  out[at] = '=';
}

Decoded base64_decode(std::string_view text, std::span<std::byte> out) noexcept {
  CLV_CHECK(out.size() >= text.size() / 4 * 3);
  if (text.size() % 4 != 0) return {.valid = false, .size = 0};
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;

  std::size_t size = 0;
  int worst = 0;  // negative as soon as one character is none of the alphabet
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const std::size_t pads = at + 4 == text.size() ? padding : 0;
    int group = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const int value = i < 4 - pads ? decode_sextet(static_cast<unsigned char>(text[at + i])) : 0;
      worst |= value;
      group = group << 6 | (value & 63);
    }
    const int stray = pads == 0 ? 0 : group & (pads == 1 ? 0xff : 0xffff);
    worst |= -stray;
    for (std::size_t i = 0; i < 3 - pads; ++i)
      out[size++] = static_cast<std::byte>(group >> (16 - 8 * static_cast<int>(i)) & 0xff);
  }
  if (worst >= 0) return {.valid = true, .size = size};
  base::wipe(out.data(), size);
  return {.valid = false, .size = 0};
}

unsigned crc32(std::string_view text) noexcept {
  std::uint32_t crc = ~0U;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    const std::uint32_t low = crc ^ little_endian(text);
    const std::uint32_t high = little_endian(text.substr(4));
    crc = kCrc[7][low & 255] ^ kCrc[6][low >> 8 & 255] ^ kCrc[5][low >> 16 & 255] ^ kCrc[4][low >> 24] ^
          kCrc[3][high & 255] ^ kCrc[2][high >> 8 & 255] ^ kCrc[1][high >> 16 & 255] ^ kCrc[0][high >> 24];
  }
  for (const char c : text) crc = crc >> 8 ^ kCrc[0][(crc ^ static_cast<unsigned char>(c)) & 255];
  return ~crc;
}

}  // namespace claviger::crypto
