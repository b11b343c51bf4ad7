// SPDX-License-Identifier: Apache-2.0
#include "registry/outbox_event.h"
#include "registry/stored_registry.h"

namespace claviger::registry {

Result<void> make_store(store::Store& store, vault::MasterKey master, base::SecretArena& arena,
                        std::vector<store::Record> records, std::vector<std::string> events) {
  if (CLV_TRY(store.head()) != 0)
    return Error(Code::kConflict, Blame::kOperator, "the store has records already");
  const vault::Keyring keyring = CLV_TRY(vault::make_keyring(master));
  const auto keys = CLV_TRY(vault::open_key_holder(std::move(master), keyring, arena));
  store::Batch batch;
  batch.meta.push_back({std::string(kKeyringMeta), keyring});
  for (const std::string& event : events) batch.outbox.push_back(seal_event(*keys, event));
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].revision = batch.revision();
    records[i].id = batch.new_id(i);
    batch.writes.push_back({.record = std::move(records[i]), .replaces = 0});
  }
  vault::RecordGuard guard(*keys);
  CLV_TRY_VOID(guard.protect_first(batch));
  CLV_TRY(store.commit(batch));
  return ok();
}

}  // namespace claviger::registry
