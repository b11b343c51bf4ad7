// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "audit/note.h"
#include "audit/signer.h"
#include "crypto/ed25519.h"

namespace claviger::audit::testing {

// Signs with a key that is no secret: 32 times the byte `seed`.
class TestSigner final : public Signer {
 public:
  explicit TestSigner(unsigned char seed = 1);
  crypto::Ed25519PublicKey public_key() const noexcept override { return signer_.public_key(); }
  crypto::Ed25519Signature sign(std::span<const std::byte> message) override { return signer_.sign(message); }

 private:
  crypto::Ed25519Signer signer_;
};

}  // namespace claviger::audit::testing
