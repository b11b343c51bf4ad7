// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "base/result.h"

namespace claviger::crypto {

using Ed25519PublicKey = std::array<std::byte, 32>;
using Ed25519Signature = std::array<std::byte, 64>;

// Signs with a key made of a 32-byte seed (RFC 8032 section 5.1.5).
// Threads: one at a time. Secrets: the key lies in the arena (route_openssl_memory must be in place); the caller wipes its seed.
class Ed25519Signer {
 public:
  static constexpr std::size_t kSeedSize = 32;
  // Requires: seed.size() == kSeedSize. kUnavailable when the arena is spent.
  static Result<Ed25519Signer> create(std::span<const std::byte> seed);
  Ed25519Signer(Ed25519Signer&&) noexcept;
  Ed25519Signer& operator=(Ed25519Signer&&) noexcept;
  ~Ed25519Signer();

  const Ed25519PublicKey& public_key() const noexcept;
  Ed25519Signature sign(std::span<const std::byte> message) noexcept;

 private:
  struct Key;
  explicit Ed25519Signer(std::unique_ptr<Key> key) noexcept;
  std::unique_ptr<Key> key_;
};

bool verify_ed25519(const Ed25519PublicKey& key, std::span<const std::byte> message,
                    const Ed25519Signature& signature) noexcept;

}  // namespace claviger::crypto
