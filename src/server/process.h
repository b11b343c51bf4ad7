// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include "base/result.h"
#include "base/secret_arena.h"
#include "vault/process_key.h"

namespace claviger::server {

// The process, made fit to hold secrets, before anything else happens in it: no core dumps, not
// traceable by others of the same user, SIGPIPE ignored, the secret arena in place, OpenSSL's memory routed
// through it, the key of this process drawn.
//
// The arena is never given back: OpenSSL frees into it up to the very end.
struct SecretMemory {
  base::SecretArena& arena;
  std::unique_ptr<vault::ProcessKey> key;
};
// Call once, first. kUnavailable when no page can be locked, kInvalid for a bad CLAVIGER_SECRET_MEMORY.
Result<SecretMemory> prepare_process();

// Puts /dev/null in place of standard streams that are closed: else the first socket would be taken for one.
void open_standard_streams() noexcept;

// Raises the soft limit of open files to the hard one.
void raise_file_limit() noexcept;
// How many this process may have open at once.
std::size_t file_limit() noexcept;

}  // namespace claviger::server
