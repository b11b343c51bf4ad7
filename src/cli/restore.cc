// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include "cli/catalog.h"
#include "cli/output.h"
#include "cli/store_files.h"
#include "cli/store_place.h"
#include "registry/rekey_mark.h"
#include "registry/stored_registry.h"
#include "server/data_dir.h"
#include "server/data_dir_lock.h"
#include "server/master_keys.h"
#include "server/process.h"
#include "store/catalog.h"
#include "vault/key_holder.h"

namespace claviger::cli {
namespace {

bool has_content(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && status.st_size > 0;
}
bool exists(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

// What a copy of the backup turned out to hold.
struct Found {
  store::Revision revision = 0;
  std::size_t records = 0;
  std::string master_key_id;
  std::string next_master_key_id;  // in the middle of a rekey: it takes both
};

class Restore final : public Command {
 public:
  std::string_view path() const noexcept override { return "restore"; }
  std::string_view summary() const noexcept override {
    return "Put a backup of the store back, while the gateway does not run";
  }
  std::string_view examples() const noexcept override {
    return "  claviger restore /backup/claviger-2027-01-01.db\n"
           "  claviger restore before-upgrade.db --data-dir ./data --replace     the store that is there is "
           "kept aside\n\n"
           "Stop the gateway first. Whatever was changed since the backup is undone, revocations as well: "
           "look through\n"
           "`claviger get` afterwards. The audit log stays as it is, and notes that an older store was put "
           "back.";
  }
  void declare(Flags& flags) override {
    flags.positional("FILE", file_, "What `claviger backup` made");
    flags.flag("--replace", replace_, "Take the place of the store that is there");
    place_.declare(flags);
  }

  Result<void> run() override {
    if (file_.empty()) return usage_error("say what to restore: FILE");
    server::SecretMemory memory = CLV_TRY(server::prepare_process());
    const server::Config config = CLV_TRY(place_.read());
    const std::string store = server::store_path(config);
    CLV_TRY_VOID(check_backup());
    CLV_TRY_VOID(server::make_directory(config.data_dir));
    const auto lock = CLV_TRY(server::DataDirLock::take(config.data_dir));
    CLV_TRY_VOID(give_to_directory_owner(config.data_dir + "/lock"));
    if (exists(store) && !replace_)
      return Error::formatted(
          Code::kConflict, Blame::kOperator,
          store + " is there: with --replace the backup takes its place, and it is kept aside");
    const std::string fresh = store + ".restoring";
    const auto found = look_into_copy(fresh);
    if (!found.has_value()) {
      remove_store_files(fresh);
      return found.error().within(file_);
    }
    const std::string kept = CLV_TRY(replace_store(fresh, store));
    CLV_TRY_VOID(make_mark(server::restored_mark(config)));
    return report(config, *found, kept, memory);
  }

 private:
  Result<void> check_backup() const {
    if (!exists(file_)) return Error::formatted(Code::kNotFound, Blame::kOperator, file_ + " is not there");
    // Part of such a store is in the other file.
    if (has_content(file_ + "-wal"))
      return Error::formatted(
          Code::kInvalid, Blame::kOperator,
          file_ +
              " is a store in use (or was, when its machine stopped), not a backup of one: "
              "its last changes are in " +
              file_ + "-wal. Make a backup of it with `claviger backup`");
    return ok();
  }

  // All of it is read, in a copy, so that the backup itself is never touched.
  Result<Found> look_into_copy(const std::string& fresh) const {
    remove_store_files(fresh);
    CLV_TRY_VOID(copy_private(file_, fresh));
    Found found;
    {
      const auto store = CLV_TRY(store::open("sqlite:" + fresh, ".", {.create = false}));
      found.revision = CLV_TRY(store->head());
      const auto keyring = CLV_TRY(store->find_meta(registry::kKeyringMeta));
      if (!keyring.has_value())
        return Error(Code::kInvalid, Blame::kOperator,
                     "it is a store without keys, which none that was in use is");
      found.master_key_id = CLV_TRY(vault::keyring_master_id(*keyring));
      const auto mark = CLV_TRY(registry::peek_rekey_mark(*store));
      if (mark.phase == registry::RekeyMark::Phase::kRewrapping) found.next_master_key_id = mark.new_id;
      CLV_TRY_VOID(store->for_each([&](const store::Record& record) {
        found.records += record.deleted ? 0 : 1;
        return ok();
      }));
    }
    if (has_content(fresh + "-wal"))
      return Error(Code::kInternal, Blame::kOperator, "its copy could not be closed cleanly; try again");
    return found;
  }

  static Result<void> report(const server::Config& config, const Found& found, const std::string& kept,
                             server::SecretMemory& memory) {
    std::string text = "Restored " + server::store_path(config) + ": " + std::to_string(found.records) +
                       " resources, revision " + std::to_string(found.revision) + "\n";
    if (!kept.empty()) text += "The store that was there is " + kept + " now\n";
    server::MasterKeys keys(config, memory);
    text += master_key_line(keys, found.master_key_id);
    if (!found.next_master_key_id.empty())
      text += "The backup was made in the middle of a rekey, so it takes two of them:\n" +
              master_key_line(keys, found.next_master_key_id);
    return print(text);
  }

  static std::string master_key_line(server::MasterKeys& keys, const std::string& wanted) {
    const server::KeySource& from = keys.configured();
    const bool is_absent = from.type == server::KeySource::Type::kFile && !exists(from.what);
    const auto found = keys.find(wanted);
    if (found.has_value())
      return "The master key it wants is in place (id " + wanted + "): start the gateway\n";
    // Of a missing file the error says how to make a new key, which would be the wrong one.
    const std::string reason = is_absent ? "" : " (" + std::string(found.error().what()) + ")";
    if (found.error().what().contains(wanted) && !is_absent)
      return "THE WRONG MASTER KEY" + reason + ". Put that one there before the gateway starts\n";
    return "STILL MISSING: the master key with the id " + wanted + ", as " + from.shown() + reason +
           ". Put it there before the gateway starts\n";
  }

  std::string file_;
  bool replace_ = false;
  StorePlace place_;
};

}  // namespace

std::unique_ptr<Command> make_restore() { return std::make_unique<Restore>(); }

}  // namespace claviger::cli
