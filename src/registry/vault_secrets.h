// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "gateway/world.h"
#include "vault/key_holder.h"

namespace claviger::registry {

// A credential's secret as it lies in the store, and what it was sealed for.
struct StoredSecret {
  std::uint64_t record_id = 0;
  std::uint32_t version = 0;
  std::string destination;
  vault::Envelope envelope;
};
using StoredSecrets = std::map<std::string, StoredSecret, std::less<>>;  // by credential

// Opens credentials' secrets from the vault, for the world in the making. Changes that are not committed yet lie over what
// is there.
//
// Threads: the control thread's. Secrets: envelopes only; what read() gives lies in the arena.
class VaultSecrets final : public gateway::SecretProvider {
 public:
  // `external` has those of credentials that say `from`; null: there are none.
  VaultSecrets(vault::KeyHolder& keys, const StoredSecrets& stored,
               gateway::SecretProvider* external = nullptr) noexcept
      : keys_(keys), stored_(stored), external_(external) {}

  // Of a change that is being made; nothing: it has none any more.
  void lay_over(const std::string& credential, std::optional<StoredSecret> secret) {
    changed_[credential] = std::move(secret);
  }
  std::map<std::string, std::optional<StoredSecret>, std::less<>> take_changes() {
    return std::move(changed_);
  }

  Result<base::SecretBytes> read(const policy::CredentialResource& credential,
                                 std::string_view destination) override;

 private:
  const StoredSecret* find(std::string_view credential) const noexcept;
  vault::KeyHolder& keys_;
  const StoredSecrets& stored_;
  gateway::SecretProvider* external_;
  std::map<std::string, std::optional<StoredSecret>, std::less<>> changed_;
};

// Seals a secret for a credential's record. `destination` as gateway::destination_digest gives it.
Result<StoredSecret> seal_secret(vault::KeyHolder& keys, std::span<const std::byte> secret,
                                 std::string_view credential, std::uint64_t record_id, std::uint32_t version,
                                 std::string destination);

}  // namespace claviger::registry
