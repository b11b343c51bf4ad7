// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vault/derived_keys.h"
#include "vault/key_holder.h"

namespace claviger::vault {

// Format | epoch | master key's id | wrapped data key | sealed secret (docs/formats/vault.md).
inline constexpr std::size_t kEnvelopeHeader = 1 + 4 + sizeof(MasterKeyId);
inline constexpr std::size_t kWrappedKeySize = kKeySize + crypto::Aead::kOverhead;
inline constexpr std::size_t kEnvelopeOverhead = kEnvelopeHeader + kWrappedKeySize + crypto::Aead::kOverhead;

// For a secret of `size` bytes: the header is written, the two parts are not. Requires: size <= kMaxSecret.
Envelope begin_envelope(std::size_t size, const MasterKeyId& id);

template <class Byte>
struct EnvelopeParts {
  std::span<Byte> wrapped_key;
  std::span<Byte> sealed_secret;
};
// Requires: what begin_envelope() gave, or read_envelope() took.
EnvelopeParts<std::byte> parts_of(Envelope& envelope) noexcept;
struct ReadEnvelope {
  MasterKeyId id{};  // of the master key
  EnvelopeParts<const std::byte> parts;
};
// Nothing unless it has this version's format and epoch, and is of a size that can be.
std::optional<ReadEnvelope> read_envelope(std::span<const std::byte> envelope) noexcept;

// The associated data of either part.
std::vector<std::byte> data_key_binding(const Binding& binding);
std::vector<std::byte> secret_binding(const Binding& binding);

}  // namespace claviger::vault
