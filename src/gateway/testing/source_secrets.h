// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gateway/world.h"
#include "vault/source.h"

namespace claviger::gateway::testing {

// Secrets by their `from:`, read anew each time.
class SourceSecrets final : public SecretProvider {
 public:
  // Requires: `sources` outlives it.
  explicit SourceSecrets(vault::SecretSources& sources) noexcept : sources_(sources) {}

  Result<base::SecretBytes> read(const policy::CredentialResource& credential, std::string_view) override {
    return sources_.read(credential.from);
  }

 private:
  vault::SecretSources& sources_;
};

}  // namespace claviger::gateway::testing
