// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace claviger::crypto {

// Base64 with padding (RFC 4648 section 4) into memory of the caller's, so that a secret can be encoded
// without a copy on the heap. Branch- and table-free over the data.
// Requires: out.size() == base64_size(data.size()).
constexpr std::size_t base64_size(std::size_t size) noexcept { return (size + 2) / 3 * 4; }
void base64_encode(std::span<const std::byte> data, std::span<char> out) noexcept;

// Strict: padding required, no white space, no stray bits. Returns the size written, or nothing when the
// text is malformed. Requires: out.size() >= text.size() / 4 * 3.
struct Decoded {
  bool valid;
  std::size_t size;
};
Decoded base64_decode(std::string_view text, std::span<std::byte> out) noexcept;

// CRC-32 (IEEE 802.3), as the checksum of API keys uses it.
unsigned crc32(std::string_view text) noexcept;

}  // namespace claviger::crypto
