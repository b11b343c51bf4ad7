// SPDX-License-Identifier: Apache-2.0
#include "server/managed.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <tuple>

#include "audit/event.h"
#include "base/file.h"
#include "registry/outbox_event.h"
#include "server/initialise.h"
#include "store/catalog.h"

namespace claviger::server {
namespace {

// Whoever can make files there must not excuse a rollback: the mark counts when it is this user's or root's. "Not there" is an
// answer; that it cannot be told is none.
Result<bool> has_mark(const std::string& mark) {
  struct stat status{};
  if (::lstat(mark.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    return Error::from_errno(Code::kInvalid, Blame::kOperator, "looking for " + mark, errno);
  }
  if (S_ISREG(status.st_mode) && (status.st_uid == ::geteuid() || status.st_uid == 0)) return true;
  return Error::formatted(Code::kInvalid, Blame::kOperator,
                          mark + " was not made by `claviger restore`: remove it");
}

// A start in the middle of a rekey. What does not belong together, load() finds.
Result<void> hold_both(store::Store& store, MasterKeys& master_keys, vault::KeyHolder& keys) {
  const registry::RekeyMark mark = CLV_TRY(registry::peek_rekey_mark(store));
  if (mark.phase != registry::RekeyMark::Phase::kRewrapping || mark.old_id != keys.master_key_id())
    return ok();
  const auto next = master_keys.find(mark.new_id);
  // A commit that failed and came to light after a crash: its key was thrown away, and nobody misses it.
  if (!next.has_value() && !CLV_TRY(registry::seals_anything(store, mark.new_id))) return ok();
  if (!next.has_value())
    return next.error().within("the master key is being replaced, " + mark.old_id + " by " + mark.new_id +
                               ", and until that is done both are needed");
  return keys.hold_next_master_key(next->key);
}

}  // namespace

Managed::Managed(DataDirLock lock, std::unique_ptr<store::Store> store,
                 std::unique_ptr<MasterKeys> master_keys, std::unique_ptr<vault::KeyHolder> keys,
                 net::Loop& control)
    : lock_(std::move(lock)),
      store_(std::move(store)),
      master_keys_(std::move(master_keys)),
      keys_(std::move(keys)),
      signer_(*keys_, keys_->signing_key()),
      control_(control),
      store_thread_(std::make_unique<net::BackgroundThread>(control, "clv-store")) {
  if (const auto next = keys_->next_signing_key()) next_signer_.emplace(*keys_, *next);
}

Result<std::unique_ptr<Managed>> Managed::open(const Config& config, net::Loop& control,
                                               SecretMemory& memory) {
  if (!is_initialised(config))
    return Error::formatted(Code::kNotFound, Blame::kOperator,
                            "there is no store at " + store_path(config) +
                                ": run `claviger init --data-dir " + config.data_dir +
                                "` first, or serve from YAML files with --resources DIR");
  DataDirLock lock = CLV_TRY(DataDirLock::take(config.data_dir));
  auto store = CLV_TRY(store::open(config.store_url, config.data_dir, {.create = false}));
  const auto keyring = CLV_TRY(store->find_meta(registry::kKeyringMeta));
  if (!keyring)
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            "the store at " + store_path(config) +
                                " has no keys yet: `claviger init` was interrupted; run it again");
  auto master_keys = std::make_unique<MasterKeys>(config, memory);
  const std::string wanted = CLV_TRY(vault::keyring_master_id(*keyring));
  MasterKeys::Found master = CLV_TRY(master_keys->find(wanted));
  auto keys = CLV_TRY(vault::open_key_holder(std::move(master.key), *keyring, memory.arena));
  CLV_TRY_VOID(hold_both(*store, *master_keys, *keys));
  std::unique_ptr<Managed> managed(
      new Managed(std::move(lock), std::move(store), std::move(master_keys), std::move(keys), control));
  if (master.is_elsewhere) managed->key_elsewhere_ = master.source.shown();
  return managed;
}

// The log knows how far management had come. A store that knows less was rolled back.
Result<std::uint64_t> Managed::check_against_log(const Config& config, audit::Log& log, audit::Lane& lane) {
  using registry::EventNumber;
  const EventNumber in_log = EventNumber::of(log.last_outbox());
  const EventNumber in_store{.era = CLV_TRY(registry::read_era(*keys_, *store_)),
                             .revision = CLV_TRY(store_->head())};
  const std::string mark = restored_mark(config);
  const bool is_restored = CLV_TRY(has_mark(mark));
  const bool is_older = std::tie(in_store.era, in_store.revision) < std::tie(in_log.era, in_log.revision);
  if (is_older && !is_restored)
    return Error::formatted(
        Code::kInvalid, Blame::kOperator,
        "the store is older than the audit log (the log knows of revision " +
            std::to_string(in_log.revision) + ", the store is at " + std::to_string(in_store.revision) +
            "): somebody put an old copy back. If that was you, do it with `claviger restore`");
  if (is_older) CLV_TRY_VOID(registry::begin_era(*store_, *keys_, in_log.value(), control_.clock().wall()));
  if (is_restored) {
    operator_log_->warning("store_restored", {{"log_at", in_log.revision}, {"store_at", in_store.revision}});
    if (::unlink(mark.c_str()) != 0 || !base::sync_directory_of(mark))
      return Error::from_errno(Code::kInvalid, Blame::kOperator, "removing " + mark, errno);
  }
  return in_log.value() == 0 ? note_new_log(in_store, lane) : in_log.value();
}

// A log without a single change is right before the first change alone. Otherwise it was taken away, and goes on from where
// the store is.
Result<std::uint64_t> Managed::note_new_log(const registry::EventNumber& in_store, audit::Lane& lane) {
  using registry::EventNumber;
  const auto waiting = CLV_TRY(store_->outbox(1));
  const auto first = waiting.empty() ? std::nullopt : registry::open_event(*keys_, waiting.front().event);
  if (first && first->number == EventNumber{.revision = 1}.value()) return std::uint64_t{0};
  const std::uint64_t goes_on_from = first ? first->number - 1 : in_store.value();
  lane.append(
      audit::Event(control_.clock().wall(), "audit.begun_anew").add("store_at", in_store.revision).text(),
      goes_on_from);
  operator_log_->warning(
      "audit_log_begun_anew",
      {{"store_at", in_store.revision}, {"detail", "the audit log that was here is not there any more"}});
  return goes_on_from;
}

Result<void> Managed::make_registry(const Config& config, audit::Log& log, audit::Lane& lane,
                                    vault::ProcessKey& process_key, const Clock& clock,
                                    telemetry::Log& operator_log, const http::FetchSurroundings& fetching) {
  operator_log_ = &operator_log;
  if (!key_elsewhere_.empty())
    operator_log.warning(
        "master_key_elsewhere",
        {{"configured", master_keys_->configured().shown()},
         {"found", key_elsewhere_},
         {"detail",
          "since a rekey; change master_key.from, so that it can be found without this gateway's notes"}});
  key_desk_ = std::make_unique<ServerMasterKeys>(*master_keys_, control_, fetching);
  const std::uint64_t in_log = CLV_TRY(check_against_log(config, log, lane));
  registry_ = std::make_unique<registry::StoredRegistry>(
      registry::RegistryParts{control_, *store_thread_, *store_, *keys_, process_key, clock, operator_log,
                              lane, in_log, &log, key_desk_.get()});
  return ok();
}

}  // namespace claviger::server
