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
#include "registry/master_key_desk.h"
#include "registry/outbox_drain.h"
#include "registry/plan.h"
#include "registry/registry.h"
#include "registry/rekey_mark.h"
#include "registry/turnstile.h"
#include "registry/vault_secrets.h"
#include "registry/vault_signer.h"
#include "store/store.h"
#include "telemetry/log.h"
#include "vault/key_holder.h"
#include "vault/process_key.h"
#include "vault/record_guard.h"

namespace claviger::policy {
class Draft;
}

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
  MasterKeyDesk* master_keys = nullptr;  // null: the master key is never replaced
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
  // There is another value for those that say `from`, or none any more. kInvalid: it is not taken.
  net::Task<Result<void>> renew(std::string from);

  net::Task<Result<Page>> list(policy::Kind kind, std::string after, std::size_t limit) override;
  net::Task<Result<ResourceView>> find(policy::Kind kind, std::string name) override;
  net::Task<Result<std::vector<Outcome>>> change(Actor actor, std::vector<Change> changes,
                                                 bool dry_run) override;
  net::Task<Result<CreatedKey>> create_key(Actor actor, KeyRequest request) override;
  net::Task<Result<AuditKeyRotation>> rotate_audit_key(Actor actor) override;
  net::Task<Result<RekeyState>> rekey(Actor actor, RekeyRequest request) override;
  std::optional<RekeyState> rekey_state() const override { return rekeying_.state; }
  std::shared_ptr<const gateway::World> world() const override { return world_; }
  std::vector<Notice> notices() const override;

  // The process is about to end: what takes long stops at the next step, and the next start goes on with it.
  void stop_long_work() noexcept { rekeying_.is_stopping = true; }
  bool is_idle() const noexcept {
    return drain_.is_idle() && !is_rotating_audit_key_ && !rekeying_.is_running && !rekeying_.is_beginning;
  }

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
  void add_credential_notices(std::vector<Notice>& all) const;
  void believe(const Actor& actor, const std::vector<RecordKey>& enabled) const;
  struct Everything;
  Result<Everything> read_everything();  // blocks
  Result<void> assemble(Everything all);
  // external_credentials.cc
  void settle(std::vector<policy::CredentialResource> external, policy::Draft& draft) const;
  Result<void> check_allowed(const std::vector<policy::CredentialResource>& external,
                             const policy::Snapshot& snapshot) const;
  std::string source_fault(const policy::CredentialResource& credential) const;
  std::string show_source(policy::CredentialResource& credential, Status& status) const;
  net::Task<Result<void>> load_again();
  bool heals(const std::vector<PlannedWrite>& writes) const;
  // rotate_audit_key.cc
  net::Task<Result<AuditKeyRotation>> begin_key_rotation(Actor actor);
  net::Task<void> finish_key_rotation();
  net::Task<bool> retire_audit_key();
  net::Task<Result<void>> keep_keyring(vault::Keyring keyring, std::string event);
  // rekey.cc
  Result<void> take_up_rekey();
  net::Task<Result<void>> begin_rekey(const Actor& actor, const RekeyRequest& request,
                                      const vault::MasterKey& next);
  net::Task<void> run_rekey();
  net::Task<Result<void>> rekey_step();
  net::Task<Result<void>> plan_rewrapping();
  net::Task<Result<void>> rewrap_some();
  Result<void> rewrap(Current& current, const std::string& name, store::Batch& batch);
  net::Task<Result<void>> switch_master_key();
  net::Task<Result<void>> settle_master_key();
  net::Task<Result<void>> commit_rekey_step(store::Batch batch, std::string event);
  Result<std::string> envelope_left(bool at_the_end);  // blocks
  RekeyMark rekey_mark(RekeyMark::Phase phase) const;
  std::optional<Notice> rekey_notice() const;
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
  gateway::CredentialLives own_lives_;  // where the settings have none
  std::shared_ptr<const gateway::World> world_;
  std::vector<Notice> faults_;  // of records
  std::vector<gateway::UnusableCredential> unusable_;  // of the world
  std::vector<std::unique_ptr<VaultSigner>> signers_;  // that the audit log was handed over to
  bool is_rotating_audit_key_ = false;
  struct Rekeying {
    std::optional<RekeyState> state;
    std::string lost_key;  // that one was begun to, which sealed nothing
    bool remove_old = false;
    std::vector<std::string>
        names;  // of credentials whose envelope is still to be made anew, the next one last
    bool is_planned = false;  // `names` is up to date
    bool is_beginning = false;
    bool is_running = false;
    bool is_stopping = false;
  } rekeying_;
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
