// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "audit/log.h"
#include "net/background.h"
#include "registry/stored_registry.h"
#include "registry/vault_signer.h"
#include "server/config.h"
#include "server/data_dir_lock.h"
#include "server/master_key_desk.h"
#include "server/master_keys.h"
#include "server/process.h"
#include "store/store.h"
#include "telemetry/log.h"
#include "vault/key_holder.h"

namespace claviger::server {

// What a gateway has that keeps its resources in a store: the store and its thread, the key holder, the registry.
//
// Owns: all of them, in this order; the data directory's lock as well.
// Threads: the control thread's.
class Managed {
 public:
  // Takes the data directory, opens the store and its keys: both of them, where one is being replaced by the other. kInvalid for
  // the wrong master key, naming the one that is wanted and the one that is there. Waits for transit.
  static Result<std::unique_ptr<Managed>> open(const Config& config, net::Loop& control,
                                               SecretMemory& memory);

  audit::Signer& signer() noexcept { return signer_; }
  // The key that is to sign next; null while no rotation is under way.
  audit::Signer* next_signer() noexcept { return next_signer_ ? &*next_signer_ : nullptr; }
  vault::KeyHolder& keys() noexcept { return *keys_; }
  std::string master_key_id() const { return keys_->master_key_id(); }

  // Compares store and log, and makes the registry, which load()s later. `lane` is the control thread's. kInvalid when the store is
  // older than the log, and nobody said that it should be.
  Result<void> make_registry(const Config& config, audit::Log& log, audit::Lane& lane,
                             vault::ProcessKey& process_key, const Clock& clock, telemetry::Log& operator_log,
                             const http::FetchSurroundings& fetching);
  registry::StoredRegistry& registry() noexcept { return *registry_; }
  store::Store& store() noexcept { return *store_; }
  net::BackgroundThread& store_thread() noexcept { return *store_thread_; }

 private:
  Managed(DataDirLock lock, std::unique_ptr<store::Store> store, std::unique_ptr<MasterKeys> master_keys,
          std::unique_ptr<vault::KeyHolder> keys, net::Loop& control);
  // The number of the last event that the log has, or has to go on from.
  Result<std::uint64_t> check_against_log(const Config& config, audit::Log& log, audit::Lane& lane);
  Result<std::uint64_t> note_new_log(const registry::EventNumber& in_store, audit::Lane& lane);

  DataDirLock lock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<MasterKeys> master_keys_;
  std::unique_ptr<vault::KeyHolder> keys_;
  registry::VaultSigner signer_;
  std::optional<registry::VaultSigner> next_signer_;
  net::Loop& control_;
  telemetry::Log* operator_log_ = nullptr;
  std::string key_elsewhere_;  // than where the configuration says
  std::unique_ptr<registry::StoredRegistry> registry_;
  std::unique_ptr<ServerMasterKeys> key_desk_;  // its thread goes before the registry that waits for it
  std::unique_ptr<net::BackgroundThread> store_thread_;  // goes first: nothing of the above is in use then
};

}  // namespace claviger::server
