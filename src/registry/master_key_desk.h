// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "net/task.h"
#include "vault/master_key.h"

namespace claviger::registry {

// Where master keys come from, and what becomes of those that are not used any more: files, variables and services, of which the
// registry knows nothing.
//
// Threads: the control thread's; what blocks is done elsewhere, and not on the store's thread, whose work calls wait for.
class MasterKeyDesk {
 public:
  virtual ~MasterKeyDesk() = default;

  // The key that is to follow `in_use` (an id), from `source` (as master_key.from; empty: drawn anew, and kept where the one in use
  // is). By then it is where the next start finds it, whatever happens.
  // kInvalid and kConflict say what to do; kUnavailable when the disk or the service that keeps it fails.
  virtual net::Task<Result<vault::MasterKey>> obtain(std::string source, std::string in_use) = 0;
  // It is not used after all: what obtain() made for it goes.
  virtual void discard(const std::string& id) noexcept = 0;

  struct Replaced {
    std::string old_id;
    std::string new_id;
    bool remove_old = false;
  };
  // Everything is under the new key, which takes the old one's place; the old one is kept under another name, or removed. Repeated
  // after an interruption it goes on where it stopped. Says for people what was done.
  virtual net::Task<Result<std::string>> settle(Replaced replaced) = 0;
};

}  // namespace claviger::registry
