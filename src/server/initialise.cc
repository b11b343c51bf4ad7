// SPDX-License-Identifier: Apache-2.0
#include "server/initialise.h"

#include <unistd.h>

#include "audit/event.h"
#include "identity/api_key.h"
#include "registry/record_body.h"
#include "registry/stored_registry.h"
#include "server/data_dir.h"
#include "server/data_dir_lock.h"
#include "store/catalog.h"
#include "vault/master_key.h"

namespace claviger::server {
namespace {

constexpr std::string_view kAdmin = "admin";

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

store::Record record_of(std::string_view kind, std::string_view name, std::string spec, WallTime now) {
  store::Record record;
  record.kind = kind;
  record.name = name;
  record.body = registry::write_body({std::move(spec), {}});
  record.updated_at = now;
  return record;
}

Result<std::unique_ptr<store::Store>> make_database(const Config& config) {
  auto store = CLV_TRY(store::open(config.store_url, config.data_dir, {.create = true}));
  if (CLV_TRY(store->head()) != 0)
    return Error::formatted(
        Code::kConflict, Blame::kOperator,
        store_path(config) +
            " is there already: this gateway is initialised. Start it with `claviger serve`, or "
            "choose another --data-dir");
  return store;
}

}  // namespace

bool is_initialised(const Config& config) { return exists(store_path(config)); }

Result<Initialised> initialise(const Config& config, SecretMemory& memory, const Clock& clock,
                               const MasterKeys::Ask& ask) {
  CLV_TRY_VOID(make_directory(config.data_dir));
  const DataDirLock lock = CLV_TRY(DataDirLock::take(config.data_dir));
  const auto store = CLV_TRY(make_database(config));
  auto master = CLV_TRY(MasterKeys(config, memory).make_first(ask));
  const CertificateFiles files = CLV_TRY(ensure_certificate(config.data_dir, config.gateway.listen));
  Initialised made{.master_key = master_key_source(config),
                   .master_key_id = master.id(),
                   .ca_file = files.ca,
                   .admin_key_file = config.data_dir + "/admin.key"};
  const auto key = CLV_TRY(identity::generate_api_key(memory.arena));
  CLV_TRY_VOID(write_file(made.admin_key_file, key.text.reveal_text(), 0600));
  const WallTime now = clock.wall();
  std::vector<store::Record> records;
  records.push_back(record_of("principal", kAdmin, R"({"management":"admin","type":"user"})", now));
  records.push_back(
      record_of("api_key", key.id,
                R"({"hash":")" + identity::format_key_hash(key.hash) + R"(","principal":"admin"})", now));
  std::vector<std::string> events;
  events.push_back(audit::Event(now, "gateway.initialised")
                       .add("master_key_id", master.id())
                       .add("api_key", key.id)
                       .text());
  CLV_TRY_VOID(
      registry::make_store(*store, std::move(master), memory.arena, std::move(records), std::move(events)));
  return made;
}

}  // namespace claviger::server
