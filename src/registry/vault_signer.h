// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "audit/signer.h"
#include "crypto/ed25519.h"
#include "vault/key_holder.h"

namespace claviger::registry {

// Signs the audit log with one of the two signing keys that the vault may hold. While the log signs with it, the vault must
// not let go of that key.
class VaultSigner final : public audit::Signer {
 public:
  VaultSigner(vault::KeyHolder& keys, const crypto::Ed25519PublicKey& key) noexcept
      : keys_(keys), key_(key) {}
  crypto::Ed25519PublicKey public_key() const noexcept override { return key_; }
  crypto::Ed25519Signature sign(std::span<const std::byte> message) override {
    return keys_.sign(key_, message);
  }

 private:
  vault::KeyHolder& keys_;
  const crypto::Ed25519PublicKey key_;
};

}  // namespace claviger::registry
