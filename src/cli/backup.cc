// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"
#include "cli/output.h"
#include "cli/store_place.h"
#include "registry/rekey_mark.h"
#include "registry/stored_registry.h"
#include "store/catalog.h"
#include "vault/key_holder.h"

namespace claviger::cli {
namespace {

class Backup final : public Command {
 public:
  std::string_view path() const noexcept override { return "backup"; }
  std::string_view summary() const noexcept override {
    return "Copy the store to a file, beside a running gateway or without one";
  }
  std::string_view examples() const noexcept override {
    return "  claviger backup /backup/claviger-2027-01-01.db\n"
           "  claviger backup before-upgrade.db --data-dir ./data\n\n"
           "On the gateway's machine, as its user or root. Every secret in it stays sealed under the master "
           "key, which is not\n"
           "in it: keep a copy of that elsewhere. `claviger restore` puts it back.";
  }
  void declare(Flags& flags) override {
    flags.positional("FILE", file_, "Where to; a file that is not there yet");
    place_.declare(flags);
  }

  Result<void> run() override {
    if (file_.empty()) return usage_error("say where to: FILE");
    const server::Config config = CLV_TRY(place_.read());
    const auto store = CLV_TRY(store::open(config.store_url, config.data_dir, {.create = false}));
    const std::string key = CLV_TRY(master_key_of(*store));
    CLV_TRY_VOID(store->back_up(file_));
    return print("Saved to " + file_ +
                 ":\n"
                 "  all resources, API keys as hashes, secrets sealed under the master key" +
                 key +
                 "\n"
                 "Not in it, and to be kept elsewhere if you want them back:\n"
                 "  the master key (" +
                 server::master_key_source(config) +
                 "): without it no secret in the backup can be opened\n"
                 "  admin.key, ca.pem, server.pem, server.key, the configuration file, the audit log\n");
  }

 private:
  static Result<std::string> master_key_of(store::Store& store) {
    const auto keyring = CLV_TRY(store.find_meta(registry::kKeyringMeta));
    if (!keyring.has_value()) return std::string();
    const std::string id = " with the id " + CLV_TRY(vault::keyring_master_id(*keyring));
    const auto mark = CLV_TRY(registry::peek_rekey_mark(store));
    if (mark.phase != registry::RekeyMark::Phase::kRewrapping) return id;
    return id + ", some under " + mark.new_id +
           ": a rekey is under way, so it\n  takes both keys; make another one when that is over";
  }

  std::string file_;
  StorePlace place_;
};

}  // namespace

std::unique_ptr<Command> make_backup() { return std::make_unique<Backup>(); }

}  // namespace claviger::cli
