// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/credential_lives.h"
#include "net/background.h"
#include "net/task.h"
#include "store/store.h"

namespace claviger::server {

// When credentials were used last, kept among the store's counters: no record, no revision, and of no weight.
//
// Threads: the control thread's.
class CredentialUses {
 public:
  // Whether a counter is one of these, and no quota's: those have a '/' in their names.
  static bool is_one(std::string_view counter) noexcept { return counter.starts_with(kPrefix); }

  // What an earlier process saw. Blocks; before the store's thread has work.
  Result<void> load(store::Store& store, net::BackgroundThread& store_thread,
                    gateway::CredentialLives& lives);
  // Where it comes to nothing, the next time makes up for it.
  void save(std::vector<gateway::CredentialLives::Use> uses);
  bool is_idle() const noexcept { return writing_ == 0; }

 private:
  static constexpr std::string_view kPrefix = "credential_used:";
  net::Task<void> write(std::vector<store::Counter> counters);

  store::Store* store_ = nullptr;
  net::BackgroundThread* store_thread_ = nullptr;
  unsigned writing_ = 0;
};

}  // namespace claviger::server
