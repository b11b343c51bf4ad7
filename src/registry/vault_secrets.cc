// SPDX-License-Identifier: Apache-2.0
#include "registry/vault_secrets.h"

namespace claviger::registry {
namespace {

vault::Binding binding_of(std::string_view credential, const StoredSecret& secret) noexcept {
  return {.kind = "credential",
          .name = credential,
          .id = secret.record_id,
          .version = secret.version,
          .destination = secret.destination};
}

}  // namespace

const StoredSecret* VaultSecrets::find(std::string_view credential) const noexcept {
  if (const auto changed = changed_.find(credential); changed != changed_.end())
    return changed->second ? &*changed->second : nullptr;
  const auto stored = stored_.find(credential);
  return stored == stored_.end() ? nullptr : &stored->second;
}

Result<base::SecretBytes> VaultSecrets::read(const policy::CredentialResource& credential,
                                             std::string_view destination) {
  if (!credential.from.empty() && external_ != nullptr) return external_->read(credential, destination);
  const StoredSecret* secret = find(credential.name);
  if (secret == nullptr)
    return Error(Code::kInvalid, Blame::kOperator, "has no secret: set one with `claviger credential set`");
  // The envelope would not open for another destination; this says so in words.
  if (secret->destination != destination)
    return Error(
        Code::kInvalid, Blame::kOperator,
        "is unbound: where it would go (base URL, CA, server name or auth settings) is not what its secret "
        "was set for; set the secret again with `claviger credential set`");
  auto opened = keys_.open(secret->envelope, binding_of(credential.name, *secret));
  if (!opened.has_value()) return opened.error().within("its sealed secret");
  return opened;
}

Result<StoredSecret> seal_secret(vault::KeyHolder& keys, std::span<const std::byte> secret,
                                 std::string_view credential, std::uint64_t record_id, std::uint32_t version,
                                 std::string destination) {
  StoredSecret stored{
      .record_id = record_id, .version = version, .destination = std::move(destination), .envelope = {}};
  stored.envelope = CLV_TRY(keys.seal(secret, binding_of(credential, stored)));
  return stored;
}

}  // namespace claviger::registry
