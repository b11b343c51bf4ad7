// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/result.h"
#include "base/secret_bytes.h"

namespace claviger::crypto {

// AES-256-GCM (NIST SP 800-38D) under one key, kept expanded in the secret arena.
//
// Sealed form: nonce (12 bytes, random) | ciphertext | tag (16 bytes). At most 2^32 seals under one key
// (random nonces); a caller that could pass that must rotate.
// Threads: one at a time; each worker makes its own.
// Secrets: the key and its schedule live in the arena (route_openssl_memory must be in place).
class Aead {
 public:
  static constexpr std::size_t kKeySize = 32;
  static constexpr std::size_t kNonceSize = 12;
  static constexpr std::size_t kTagSize = 16;
  static constexpr std::size_t kOverhead = kNonceSize + kTagSize;

  // Requires: key.size() == kKeySize. kUnavailable when the arena is spent.
  static Result<Aead> create(std::span<const std::byte> key);

  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;
  ~Aead();

  // Requires: sealed.size() == plain.size() + kOverhead.
  void seal(std::span<const std::byte> plain, std::span<const std::byte> associated,
            std::span<std::byte> sealed);

  // Writes the plaintext to `plain`. Requires: plain.size() + kOverhead == sealed.size().
  // kInternal (blame: gateway) when it does not authenticate; `plain` is wiped then.
  Result<void> open(std::span<const std::byte> sealed, std::span<const std::byte> associated,
                    std::span<std::byte> plain) noexcept;

  // For test vectors: seals with a given nonce.
  void seal_with_nonce(std::span<const std::byte, kNonceSize> nonce, std::span<const std::byte> plain,
                       std::span<const std::byte> associated, std::span<std::byte> sealed);

 private:
  struct Contexts;
  explicit Aead(std::unique_ptr<Contexts> contexts) noexcept;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace claviger::crypto
