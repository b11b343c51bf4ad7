// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "server/config.h"
#include "server/key_source.h"
#include "server/master_key_files.h"
#include "server/process.h"
#include "vault/master_key.h"
#include "vault/source.h"

namespace claviger::server {

// Finds the master keys of a gateway with a store, wherever they come from, before it serves; and makes the first one.
//
// Threads: the control thread's; blocks (a passphrase takes some tenths of a second, transit is waited for). Secrets: in the arena.
class MasterKeys {
 public:
  // The memory outlives it.
  MasterKeys(const Config& config, SecretMemory& memory);

  struct Found {
    vault::MasterKey key;
    KeySource source;
    bool is_elsewhere = false;  // than where the configuration says
  };
  // The key with this id: where `claviger rekey --to` said, where the configuration says, and beside that, where a key waits to take
  // its place. kInvalid names the id that is wanted, and what is there instead; kNotFound where there is none.
  Result<Found> find(const std::string& id);

  // Asks for a passphrase that is not where it should be; null: nobody to ask.
  using Ask = std::function<Result<base::SecretBytes>()>;
  // Of a new gateway, where the configuration says: drawn or made, unless it is given. One that an interrupted run left in a file is as
  // good as a new one.
  Result<vault::MasterKey> make_first(const Ask& ask);

  const KeySource& configured() const noexcept { return configured_; }
  const MasterKeyFiles& files() const noexcept { return files_; }
  vault::SecretSources& secrets() noexcept { return secrets_; }
  const Config& config() const noexcept { return config_; }
  SecretMemory& memory() noexcept { return memory_; }

  // Where a key waits to take the place of the one in this file.
  static std::string next_of(const std::string& path) { return path + ".next"; }

 private:
  Result<vault::MasterKey> read(const KeySource& source, const std::string& id);
  Result<vault::MasterKey> read_passphrase(const KeySource& source, const std::string& id);
  Result<vault::MasterKey> make_of_passphrase(const KeySource& source, const Ask& ask);

  const Config config_;
  SecretMemory& memory_;
  KeySource configured_;
  MasterKeyFiles files_;
  vault::SecretSources secrets_;
};

}  // namespace claviger::server
