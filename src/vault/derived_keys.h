// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "crypto/aead.h"
#include "vault/master_key.h"

namespace claviger::vault {

inline constexpr std::size_t kKeySize = crypto::Aead::kKeySize;

using MasterKeyId = std::array<std::byte, 8>;
MasterKeyId binary_id(const MasterKey& master);

// What a master key is used for; each has a key of its own (HKDF-SHA-256, docs/formats/vault.md).
enum class MasterUse : std::uint8_t { kWrapDataKeys, kWrapKeyring };
Result<crypto::Aead> derive_wrapping_key(const MasterKey& master, MasterUse use);

}  // namespace claviger::vault
