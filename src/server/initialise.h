// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "server/config.h"
#include "server/master_keys.h"
#include "server/process.h"

namespace claviger::server {

struct Initialised {
  std::string master_key;      // where it is: "file:/..."; "env:..." when it was given
  std::string master_key_id;
  std::string ca_file;
  std::string admin_key_file;
};

// Makes everything that a gateway with a store needs, in config.data_dir: the master key (unless it comes from the
// environment), a name-constrained CA whose key is forgotten and a server certificate, the store with its keyring, the
// principal `admin` and its first API key (admin.key, 0600). Repeated after an interruption it goes on where it stopped.
// kConflict when the store is there already.
// A passphrase that is not where it should be is asked for with `ask`, if there is one.
Result<Initialised> initialise(const Config& config, SecretMemory& memory, const Clock& clock,
                               const MasterKeys::Ask& ask = {});

// Whether `data_dir` holds a store.
bool is_initialised(const Config& config);

}  // namespace claviger::server
