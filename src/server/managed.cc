// SPDX-License-Identifier: Apache-2.0
#include "server/managed.h"

#include <unistd.h>

#include "audit/event.h"
#include "server/initialise.h"
#include "store/sqlite/sqlite_store.h"
#include "vault/source.h"

namespace claviger::server {
namespace {

// Left by `claviger restore`: an older store is meant.
std::string restored_mark(const Config& config) { return config.data_dir + "/restored"; }

}  // namespace

Managed::Managed(DataDirLock lock, std::unique_ptr<store::Store> store, std::unique_ptr<vault::KeyHolder> keys,
                 net::Loop& control)
    : lock_(std::move(lock)),
      store_(std::move(store)),
      keys_(std::move(keys)),
      signer_(*keys_),
      control_(control),
      store_thread_(std::make_unique<net::BackgroundThread>(control, "clv-store")) {}

Result<std::unique_ptr<Managed>> Managed::open(const Config& config, net::Loop& control, SecretMemory& memory) {
  if (!is_initialised(config))
    return Error::formatted(Code::kNotFound, Blame::kOperator,
                            "there is no store at " + in_data_dir(config, config.store_file) +
                                ": run `claviger init --data-dir " + config.data_dir +
                                "` first, or serve from YAML files with --resources DIR");
  DataDirLock lock = CLV_TRY(DataDirLock::take(config.data_dir));
  auto store = CLV_TRY(store::open_sqlite(in_data_dir(config, config.store_file), {.create = false}));
  const auto keyring = CLV_TRY(store->find_meta(registry::kKeyringMeta));
  if (!keyring)
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            "the store at " + in_data_dir(config, config.store_file) +
                                " has no keys yet: `claviger init` was interrupted; run it again");
  vault::SecretSources sources(*memory.key);
  auto master = CLV_TRY(vault::MasterKey::read(master_key_source(config), sources, memory.arena));
  auto keys = CLV_TRY(vault::open_key_holder(std::move(master), *keyring, memory.arena));
  return std::unique_ptr<Managed>(new Managed(std::move(lock), std::move(store), std::move(keys), control));
}

// The log knows how far management had come. A store that knows less was rolled back.
Result<void> Managed::check_against_log(const Config& config, audit::Log& log, audit::Lane& lane) {
  const std::uint64_t in_log = log.last_outbox();
  const std::uint64_t in_store = CLV_TRY(store_->last_outbox());
  const std::string mark = restored_mark(config);
  const bool is_restored = ::access(mark.c_str(), F_OK) == 0;
  if (in_store < in_log && !is_restored)
    return Error::formatted(
        Code::kInvalid, Blame::kOperator,
        "the store is older than the audit log (the log has change " + std::to_string(in_log) + ", the store only " +
            std::to_string(in_store) + "): somebody put an old copy back. If that was you, do it with `claviger restore`");
  if (is_restored) {
    lane.append(audit::Event(control_.clock().wall(), "store.restored").add("log_at", in_log).add("store_at", in_store).text());
    operator_log_->warning("store_restored", {{"log_at", in_log}, {"store_at", in_store}});
  }
  // What left the outbox was in the log, synced. A log that does not have it is not the one it was.
  const auto waiting = CLV_TRY(store_->outbox(1));
  const std::uint64_t handed_over = waiting.empty() ? in_store : waiting.front().number - 1;
  if (in_log < handed_over && !is_restored) {
    lane.append(audit::Event(control_.clock().wall(), "audit.begun_anew")
                    .add("log_at", in_log)
                    .add("store_at", handed_over)
                    .text());
    operator_log_->warning("audit_log_begun_anew",
                           {{"log_at", in_log},
                            {"store_at", handed_over},
                            {"detail", "events that were in the audit log are not there any more"}});
  }
  if (in_store < in_log) CLV_TRY_VOID(store_->number_outbox_above(in_log));
  if (is_restored) ::unlink(mark.c_str());
  return ok();
}

void Managed::make_registry(audit::Log& log, audit::Lane& lane, vault::ProcessKey& process_key, const Clock& clock,
                            telemetry::Log& operator_log) {
  operator_log_ = &operator_log;
  registry_ = std::make_unique<registry::StoredRegistry>(
      registry::RegistryParts{control_, *store_thread_, *store_, *keys_, process_key, clock, operator_log, lane,
                              log.last_outbox()});
}

Result<void> Managed::load(const Config& config, audit::Log& log, audit::Lane& lane,
                           gateway::WorldSettings settings) {
  CLV_TRY_VOID(check_against_log(config, log, lane));
  return registry_->load(std::move(settings));
}

}  // namespace claviger::server
