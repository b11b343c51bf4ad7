// SPDX-License-Identifier: Apache-2.0
#include "vault/derived_keys.h"

#include <string_view>

#include "base/check.h"
#include "base/parse.h"
#include "crypto/hash.h"

namespace claviger::vault {
namespace {

std::string_view label_of(MasterUse use) noexcept {
  return use == MasterUse::kWrapDataKeys ? "claviger data key wrapping 1" : "claviger keyring wrapping 1";
}

}  // namespace

MasterKeyId binary_id(const MasterKey& master) {
  MasterKeyId id;
  CLV_CHECK(base::parse_hex(master.id(), id).has_value());
  return id;
}

Result<crypto::Aead> derive_wrapping_key(const MasterKey& master, MasterUse use) {
  base::SecretBytes key = CLV_TRY(base::SecretBytes::allocate(master.arena(), kKeySize));
  crypto::hkdf_sha256(master.reveal(), {}, label_of(use), key.reveal());
  return crypto::Aead::create(key.reveal());
}

}  // namespace claviger::vault
