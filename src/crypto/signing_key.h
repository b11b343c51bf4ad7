// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/secret_arena.h"
#include "base/secret_bytes.h"

namespace claviger::crypto {

// A private key that signs as JWS has it (RFC 7518 sections 3.3 and 3.4).
//
// Threads: one at a time. Secrets: the key lies in the arena (route_openssl_memory must be in place); the caller wipes its text.
class SigningKey {
 public:
  enum class Algorithm : std::uint8_t {
    kRs256,  // RSA of 2048 to 8192 bits, PKCS #1 v1.5 with SHA-256
    kEs256,  // P-256 with SHA-256
  };

  // PEM, PKCS #8 or the traditional forms, without a password. kInvalid for anything else; the message says nothing of the text.
  static Result<SigningKey> of_pem(std::string_view pem, base::SecretArena& arena);
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  Algorithm algorithm() const noexcept { return algorithm_; }
  // As it goes into a JWS: of an EC key the two numbers, 32 bytes each. kUnavailable when the arena is spent.
  Result<base::SecretBytes> sign(std::string_view text, base::SecretArena& arena) const;

 private:
  struct Key;
  SigningKey(std::unique_ptr<Key> key, Algorithm algorithm) noexcept;
  std::unique_ptr<Key> key_;
  Algorithm algorithm_ = Algorithm::kRs256;
};

}  // namespace claviger::crypto
