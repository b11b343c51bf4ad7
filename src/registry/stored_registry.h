// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "audit/log.h"
#include "base/clock.h"
#include "net/background.h"
#include "net/loop.h"
#include "registry/outbox_drain.h"
#include "registry/plan.h"
#include "registry/registry.h"
#include "registry/turnstile.h"
#include "registry/vault_secrets.h"
#include "registry/vault_signer.h"
#include "store/store.h"
#include "telemetry/log.h"
#include "vault/key_holder.h"
#include "vault/process_key.h"
#include "vault/record_guard.h"

namespace claviger::registry {

// What the registry borrows; all of it outlives the registry, and the registry outlives its tasks.
struct RegistryParts {
  net::Loop& control;
  net::BackgroundThread& store_thread;
  store::Store& store;
  vault::KeyHolder& keys;
  vault::ProcessKey& process_key;
  const Clock& clock;
  telemetry::Log& log;
  audit::Lane& lane;
  std::uint64_t outbox_in_log = 0;  // audit::Log::last_outbox()
  audit::Log* audit_log = nullptr;  // goes before the registry does; null: its key is never rotated
};

// The registry over a store.
class StoredRegistry final : public Registry {
 public:
  // Hands a world to all workers; `everywhere` runs on the control thread once each of them decides by it.
  using Publish =
      std::function<void(std::shared_ptr<const gateway::World>, std::function<void()> everywhere)>;

  explicit StoredRegistry(RegistryParts parts);
  ~StoredRegistry() override;

  // Reads everything and makes the first world. Blocks; before any worker runs. Records that were tampered with are left out
  // and noticed. An Error means that nothing can be believed, or the disk failed.
  Result<void> load(gateway::WorldSettings settings);
  // From now on changes are published.
  void start(Publish publish);
  // Reads CA files anew, and opens every secret again (SIGHUP).
  net::Task<Result<void>> refresh();

  net::Task<Result<Page>> list(policy::Kind kind, std::string after, std::size_t limit) override;
  net::Task<Result<ResourceView>> find(policy::Kind kind, std::string name) override;
  net::Task<Result<std::vector<Outcome>>> change(Actor actor, std::vector<Change> changes,
                                                 bool dry_run) override;
  net::Task<Result<CreatedKey>> create_key(Actor actor, KeyRequest request) override;
  net::Task<Result<AuditKeyRotation>> rotate_audit_key(Actor actor) override;
  std::shared_ptr<const gateway::World> world() const override { return world_; }
  std::vector<Notice> notices() const override;

  bool is_idle() const noexcept { return drain_.is_idle() && !is_rotating_audit_key_; }

 private:
  struct Prepared;
  net::Task<CurrentRecords> read_current(std::vector<RecordKey> keys, Result<void>& outcome);
  Result<void> check_right(const Actor& actor) const;
  EventNumber last_event() const noexcept { return {.era = era_, .revision = head_, .index = 0}; }
  Result<Prepared> prepare(const Actor& actor, std::vector<Change> changes, CurrentRecords current);
  net::Task<Result<store::Revision>> commit(store::Batch& batch);
  net::Task<void> publish(std::shared_ptr<const gateway::World> world);
  void adopt(Prepared& prepared);
  Result<ResourceView> view_of(const store::Record& record);  // blocks
  struct Everything;
  Result<Everything> read_everything();  // blocks
  Result<void> assemble(Everything all);
  net::Task<Result<void>> load_again();
  bool heals(const std::vector<PlannedWrite>& writes) const;
  // rotate_audit_key.cc
  net::Task<Result<AuditKeyRotation>> begin_key_rotation(Actor actor);
  net::Task<void> finish_key_rotation();
  net::Task<bool> retire_audit_key();
  net::Task<Result<void>> keep_keyring(vault::Keyring keyring, std::string event);
  std::vector<Outcome> outcomes(const Prepared& prepared) const;

  RegistryParts parts_;
  vault::RecordGuard guard_;
  OutboxDrain drain_;
  Turnstile turnstile_;
  gateway::WorldSettings settings_;
  Publish publish_;
  StoredSecrets secrets_;
  store::Revision head_ = 0;
  std::uint8_t era_ = 0;
  std::shared_ptr<const gateway::World> world_;
  std::vector<Notice> faults_;  // of records
  std::vector<gateway::UnusableCredential> unusable_;  // of the world
  std::vector<std::unique_ptr<VaultSigner>> signers_;  // that the audit log was handed over to
  bool is_rotating_audit_key_ = false;
};

// A store's first batch: keyring, register, and what `extra` adds (records without MACs). For `claviger init`.
Result<void> make_store(store::Store& store, vault::MasterKey master, base::SecretArena& arena,
                        std::vector<store::Record> records, std::vector<std::string> events);
// An older store was put back on purpose: begins a new era, behind `in_log` (the last number in the audit log), with an event
// that says so. Blocks; before load(). kInvalid when all eras are used up.
Result<void> begin_era(store::Store& store, vault::KeyHolder& keys, std::uint64_t in_log, WallTime now);

// Seals the events of one revision, `first` being the number of the first, into a batch's outbox.
void seal_events(vault::KeyHolder& keys, EventNumber first, const std::vector<std::string>& events,
                 std::vector<std::string>& outbox);

inline constexpr std::string_view kKeyringMeta = "keyring";

}  // namespace claviger::registry
