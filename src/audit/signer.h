// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "crypto/ed25519.h"

namespace claviger::audit {

// Who signs checkpoints. The key itself is somebody else's (the vault's).
// Threads: any.
class Signer {
 public:
  virtual ~Signer() = default;
  virtual crypto::Ed25519PublicKey public_key() const noexcept = 0;
  virtual crypto::Ed25519Signature sign(std::span<const std::byte> message) = 0;
};

}  // namespace claviger::audit
