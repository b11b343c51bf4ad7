// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "audit/pseudonym.h"
#include "base/result.h"
#include "server/config.h"
#include "server/process.h"
#include "vault/key_holder.h"

namespace claviger::server {

// Pseudonyms under a key made of the vault's, which outlives changes of the master key and of the log's signing key. Those of a
// gateway stay what they are for as long as it has its store.
Result<audit::Pseudonyms> vault_pseudonyms(vault::KeyHolder& keys, SecretMemory& memory);

// Side-car mode has no vault: a key of its own in DATA_DIR/pseudonym.key (0600), made when it is not there.
Result<audit::Pseudonyms> file_pseudonyms(const Config& config, SecretMemory& memory);
// The same of a gateway that is there: kNotFound where it has no such key.
Result<audit::Pseudonyms> read_file_pseudonyms(const std::string& data_dir, SecretMemory& memory);

}  // namespace claviger::server
