// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"

namespace claviger::crypto {

using Sha256Digest = std::array<std::byte, 32>;

// SHA-256 (FIPS 180-4). Allocates nothing.
// Threads: any. Secrets: what is worked with lies on the stack and is wiped.
class Sha256 {
 public:
  Sha256Digest digest(std::span<const std::byte> data) noexcept;
  Sha256Digest digest(std::string_view text) noexcept;
  // Of the parts one after the other, each preceded by its length (8 bytes, big-endian): no two lists of
  // parts have the same input.
  Sha256Digest digest_parts(std::span<const std::string_view> parts) noexcept;
  // Of one text that lies in pieces.
  Sha256Digest digest_pieces(std::span<const std::string_view> pieces) noexcept;
};

// Time depends on the size alone. False when sizes differ.
bool equal_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

// HMAC-SHA-256 (RFC 2104, FIPS 198-1) under a key that is kept.
// Threads: one at a time. Secrets: what was made of the key lies in the arena (route_openssl_memory must be in place); the
// caller wipes the key.
class HmacSha256 {
 public:
  // Any size. kUnavailable when the arena is spent.
  static Result<HmacSha256> create(std::span<const std::byte> key);
  ~HmacSha256();
  HmacSha256(HmacSha256&&) noexcept;
  HmacSha256& operator=(HmacSha256&&) noexcept;

  Sha256Digest mac(std::span<const std::byte> data) noexcept;
  // As Sha256::digest_parts().
  Sha256Digest mac_parts(std::span<const std::string_view> parts) noexcept;

 private:
  struct Contexts;
  explicit HmacSha256(std::unique_ptr<Contexts> contexts) noexcept;
  std::unique_ptr<Contexts> contexts_;
};

// The same at once.
Sha256Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> data) noexcept;

// HKDF-SHA-256 (RFC 5869), extract and expand. Requires: out.size() <= 255 * 32.
void hkdf_sha256(std::span<const std::byte> key, std::span<const std::byte> salt, std::string_view info,
                 std::span<std::byte> out) noexcept;

}  // namespace claviger::crypto
