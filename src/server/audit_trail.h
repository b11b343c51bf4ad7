// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "audit/log.h"
#include "audit/signer.h"
#include "base/result.h"
#include "server/config.h"
#include "server/process.h"
#include "vault/key_holder.h"

namespace claviger::server {

// Where the log lies.
std::string audit_directory(const Config& config);

// Signs with the key of the vault's keyring.
class VaultSigner final : public audit::Signer {
 public:
  explicit VaultSigner(vault::KeyHolder& keys) noexcept : keys_(keys) {}
  crypto::Ed25519PublicKey public_key() const noexcept override { return keys_.signing_key(); }
  crypto::Ed25519Signature sign(std::span<const std::byte> message) override { return keys_.sign(message); }

 private:
  vault::KeyHolder& keys_;
};

// Side-car mode has no vault: a key of its own in DATA_DIR/audit.key (0600), made when it is not there.
Result<std::unique_ptr<audit::Signer>> open_file_signer(const Config& config, SecretMemory& memory);

Result<std::unique_ptr<audit::Log>> open_audit_log(const Config& config, audit::Signer& signer,
                                                   const Clock& clock);

}  // namespace claviger::server
