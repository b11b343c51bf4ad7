// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "vault/derived_keys.h"

namespace claviger::vault {

// Format | master key's id | sealed keys (docs/formats/vault.md).
inline constexpr std::size_t kKeyringHeader = 1 + sizeof(MasterKeyId);
inline constexpr std::size_t kKeyringSize = kKeyringHeader + 3 * kKeySize + crypto::Aead::kOverhead;

// The keys of a keyring, in the arena.
class KeyringKeys {
 public:
  explicit KeyringKeys(base::SecretBytes keys) noexcept : keys_(std::move(keys)) {}
  std::span<const std::byte> record_mac() const noexcept { return keys_.reveal().first(kKeySize); }
  std::span<const std::byte> register_mac() const noexcept {
    return keys_.reveal().subspan(kKeySize, kKeySize);
  }
  std::span<const std::byte> signing_seed() const noexcept { return keys_.reveal().last(kKeySize); }

 private:
  base::SecretBytes keys_;
};

// kInvalid when `master` is not the one that it was wrapped by (which names both), or when it is no keyring;
// kInternal when it was altered.
Result<KeyringKeys> unwrap_keyring(std::span<const std::byte> keyring, const MasterKey& master,
                                   base::SecretArena& arena);

}  // namespace claviger::vault
