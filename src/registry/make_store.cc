// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "audit/event.h"
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
  seal_events(*keys, {.era = 0, .revision = batch.revision(), .index = 0}, events, batch.outbox);
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

void seal_events(vault::KeyHolder& keys, EventNumber first, const std::vector<std::string>& events,
                 std::vector<std::string>& outbox) {
  for (const std::string& event : events) {
    outbox.push_back(seal_event(
        keys, {.number = first.value(), .of = static_cast<std::uint32_t>(events.size()), .event = event}));
    ++first.index;
  }
}

Result<void> begin_era(store::Store& store, vault::KeyHolder& keys, std::uint64_t in_log, WallTime now) {
  const std::uint8_t before = std::max(CLV_TRY(read_era(keys, store)), EventNumber::of(in_log).era);
  if (before == EventNumber::kLastEra)
    return Error(Code::kInvalid, Blame::kOperator,
                 "this store was restored too often: make a new one, and apply to it");
  const auto era = static_cast<std::uint8_t>(before + 1);
  store::Batch batch;
  batch.base = CLV_TRY(store.head());
  batch.meta.push_back(write_era(keys, era));
  const std::string event = audit::Event(now, "store.restored")
                                .add("log_at", EventNumber::of(in_log).revision)
                                .add("revision", batch.base)
                                .text();
  seal_events(keys, {.era = era, .revision = batch.revision(), .index = 0}, {event}, batch.outbox);
  vault::RecordGuard guard(keys);
  CLV_TRY_VOID(guard.protect(store, batch));
  CLV_TRY(store.commit(batch));
  return ok();
}

}  // namespace claviger::registry
