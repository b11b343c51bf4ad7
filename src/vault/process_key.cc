// SPDX-License-Identifier: Apache-2.0
#include "vault/process_key.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "crypto/random.h"

namespace claviger::vault {

ProcessKey::ProcessKey(base::SecretArena& arena, base::SecretBytes key, crypto::Aead aead,
                       base::SecretBytes mark_key) noexcept
    : arena_(arena),
      key_(std::move(key)),
      aead_(std::move(aead)),
      mark_key_(std::make_shared<const base::SecretBytes>(std::move(mark_key))) {}

Result<std::unique_ptr<ProcessKey>> ProcessKey::create(base::SecretArena& arena) {
  base::SecretBytes key = CLV_TRY(base::SecretBytes::allocate(arena, crypto::Aead::kKeySize));
  crypto::random_secret(key.reveal());
  crypto::Aead aead = CLV_TRY(crypto::Aead::create(key.reveal()));
  base::SecretBytes mark_key = CLV_TRY(base::SecretBytes::allocate(arena, sizeof(std::uint64_t)));
  crypto::random_secret(mark_key.reveal());
  // A factor that is odd maps no two numbers to the same.
  std::uint64_t factor = 0;
  std::memcpy(&factor, mark_key.reveal().data(), sizeof factor);
  factor |= 1;
  std::memcpy(mark_key.reveal().data(), &factor, sizeof factor);
  base::wipe(&factor, sizeof factor);
  return std::unique_ptr<ProcessKey>(
      new ProcessKey(arena, std::move(key), std::move(aead), std::move(mark_key)));
}

Sealed ProcessKey::seal(std::span<const std::byte> plain, std::string_view associated) {
  Sealed sealed;
  sealed.bytes.resize(plain.size() + crypto::Aead::kOverhead);
  const auto bound = std::as_bytes(std::span(associated));
  sealed.associated.assign(bound.begin(), bound.end());
  aead_.seal(plain, sealed.associated, sealed.bytes);
  return sealed;
}

Result<Opener> ProcessKey::make_opener() const {
  return Opener(CLV_TRY(crypto::Aead::create(key_.reveal())));
}

}  // namespace claviger::vault
