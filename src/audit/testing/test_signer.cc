// SPDX-License-Identifier: Apache-2.0
#include "audit/testing/test_signer.h"

#include <array>

#include "base/check.h"
#include "crypto/testing/routed_arena.h"

namespace claviger::audit::testing {
namespace {

crypto::Ed25519Signer make(unsigned char seed) {
  crypto::testing::routed_arena();
  std::array<std::byte, crypto::Ed25519Signer::kSeedSize> bytes;
  bytes.fill(std::byte{seed});
  auto signer = crypto::Ed25519Signer::create(bytes);
  CLV_CHECK(signer.has_value());
  return std::move(*signer);
}

}  // namespace

TestSigner::TestSigner(unsigned char seed) : signer_(make(seed)) {}

}  // namespace claviger::audit::testing
