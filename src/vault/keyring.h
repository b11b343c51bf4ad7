// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "vault/derived_keys.h"
#include "vault/key_holder.h"

namespace claviger::vault {

// Format | master key's id | sealed keys (docs/formats/vault.md).
inline constexpr std::size_t kKeyringHeader = 1 + sizeof(MasterKeyId);
inline constexpr std::size_t kKeyringSize = kKeyringHeader + 3 * kKeySize + crypto::Aead::kOverhead;
// While the signing key is rotated.
inline constexpr std::size_t kKeyringWithNextSize = kKeyringSize + kKeySize;

// The keys of a keyring, in the arena.
class KeyringKeys {
 public:
  explicit KeyringKeys(base::SecretBytes keys) noexcept : keys_(std::move(keys)) {}
  std::span<const std::byte> record_mac() const noexcept { return keys_.reveal().first(kKeySize); }
  std::span<const std::byte> register_mac() const noexcept {
    return keys_.reveal().subspan(kKeySize, kKeySize);
  }
  std::span<const std::byte> signing_seed() const noexcept {
    return keys_.reveal().subspan(2 * kKeySize, kKeySize);
  }
  bool has_next() const noexcept { return keys_.size() > 3 * kKeySize; }
  // Requires: has_next().
  std::span<const std::byte> next_signing_seed() const noexcept { return keys_.reveal().last(kKeySize); }

  // The same keys and one drawn now, which is to sign next. Requires: !has_next().
  Result<KeyringKeys> with_next(base::SecretArena& arena) const;
  // The same keys, the next signing key in the place of the one that signs. Requires: has_next().
  Result<KeyringKeys> promoted(base::SecretArena& arena) const;

 private:
  friend Keyring seal_keyring(const KeyringKeys& keys, const MasterKeyId& id, crypto::Aead& wrapping);
  base::SecretBytes keys_;
};

Keyring seal_keyring(const KeyringKeys& keys, const MasterKeyId& id, crypto::Aead& wrapping);
// kInternal when it was altered. Requires: keyring_master_id() found it to be one.
Result<KeyringKeys> open_keyring(std::span<const std::byte> keyring, crypto::Aead& wrapping,
                                 base::SecretArena& arena);

// kInvalid when `master` is not the one that it was wrapped by (which names both), or when it is no keyring;
// kInternal when it was altered.
Result<KeyringKeys> unwrap_keyring(std::span<const std::byte> keyring, const MasterKey& master,
                                   base::SecretArena& arena);

}  // namespace claviger::vault
