// SPDX-License-Identifier: Apache-2.0
#include "vault/record_guard.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "vault/record_loading.h"
#include "vault/record_verdict.h"
#include "vault/register.h"

namespace claviger::vault {
namespace {

using Key = std::pair<std::string_view, std::string_view>;

RegisterEntry entry_of(const store::Record& record) {
  RegisterEntry entry{.kind = record.kind, .name = record.name, .revision = record.revision};
  std::ranges::copy(std::span(record.mac).first(entry.tag.size()), entry.tag.begin());
  return entry;
}

// The part's entries, with those of the records in place of what they replace.
void replace_entries(RegisterPart& part, const std::vector<const store::Record*>& records) {
  std::map<Key, RegisterEntry> entries;
  for (const RegisterEntry& entry : part.entries)
    entries.emplace_hint(entries.end(), Key(entry.kind, entry.name), entry);
  for (const store::Record* const record : records)
    entries.insert_or_assign(Key(record->kind, record->name), entry_of(*record));
  part.entries.clear();
  for (const auto& [key, entry] : entries) part.entries.push_back(entry);
}

using Places = std::map<std::uint8_t, std::vector<const store::Record*>>;

// Gives each record of the batch its MAC.
Places authenticate(KeyHolder& keys, store::Batch& batch) {
  Places places;
  for (store::Batch::Write& write : batch.writes) {
    CLV_CHECK(write.record.revision == batch.revision());
    const crypto::Sha256Digest mac = mac_of(keys, write.record);
    write.record.mac.assign(mac.begin(), mac.end());
    places[place_of(keys, write.record.kind, write.record.name)].push_back(&write.record);
  }
  return places;
}

void put_head(KeyHolder& keys, store::Batch& batch, RegisterHead& head) {
  head.revision = batch.revision();
  batch.meta.push_back(write_head(keys, head));
}

// What an earlier call added, when the commit after it failed.
void forget_register(store::Batch& batch) {
  std::erase_if(batch.meta, [](const store::Meta& meta) { return meta.name.starts_with(kRegisterPrefix); });
}

}  // namespace

Result<void> RecordGuard::protect_first(store::Batch& batch) {
  CLV_CHECK(batch.base == 0);
  forget_register(batch);
  RegisterHead head;
  for (const auto& [number, records] : authenticate(keys_, batch)) {
    RegisterPart part{.number = number, .revision = batch.revision()};
    replace_entries(part, records);
    batch.meta.push_back(write_part(keys_, part, head));
  }
  put_head(keys_, batch, head);
  return ok();
}

Result<void> RecordGuard::protect(store::Store& store, store::Batch& batch) {
  forget_register(batch);
  RegisterHead head = CLV_TRY(read_current_head(keys_, store, batch.base));
  for (const auto& [number, records] : authenticate(keys_, batch)) {
    RegisterPart part;
    const PartState state = CLV_TRY(read_part(keys_, store, head, number, part));
    // What the part should say is lost. To take its records' word for it would be to believe whoever altered it, and to
    // refuse would keep them from ever being set right: it is begun anew, and the head remembers.
    if (state == PartState::kNewer) return stale_head();
    if (state != PartState::kGood) head.parts[number].distrusted_since = batch.revision();
    part.revision = batch.revision();
    replace_entries(part, records);
    batch.meta.push_back(write_part(keys_, part, head));
  }
  put_head(keys_, batch, head);
  return ok();
}

Result<std::vector<RecordFault>> RecordGuard::load(store::Store& store,
                                                   const std::function<Result<void>(store::Record)>& each) {
  const store::Revision revision = CLV_TRY(store.head());
  RecordLoading loading(keys_);
  CLV_TRY_VOID(loading.read_register(store, revision));
  CLV_TRY_VOID(store.for_each([&](store::Record record) -> Result<void> {
    if (!CLV_TRY(loading.admit(record))) return ok();
    return each(std::move(record));
  }));
  if (CLV_TRY(store.head()) != revision) return changed_meanwhile();
  return std::move(loading).finish();
}

Result<std::optional<RecordFault>> RecordGuard::check(store::Store& store, const store::Record& record) {
  const store::Revision revision = CLV_TRY(store.head());
  const RegisterHead head = CLV_TRY(read_current_head(keys_, store, revision));
  const std::uint8_t number = place_of(keys_, record.kind, record.name);
  RegisterPart part;
  const PartState state = CLV_TRY(read_part(keys_, store, head, number, part));
  if (state == PartState::kNewer) return stale_head();
  const auto entry = std::ranges::lower_bound(part.entries, Key(record.kind, record.name), {},
                                              [](const RegisterEntry& e) { return Key(e.kind, e.name); });
  const bool is_there =
      entry != part.entries.end() && entry->kind == record.kind && entry->name == record.name;
  const bool is_trusted = state == PartState::kGood && head.parts[number].distrusted_since == 0;
  const Verdict verdict = judge(keys_, record, is_there ? &*entry : nullptr, is_trusted);
  if (is_newer_than(head, record, verdict)) return stale_head();
  if (verdict == Verdict::kGood) return std::optional<RecordFault>();
  return std::optional(
      RecordFault{.kind = record.kind, .name = record.name, .what = std::string(word_of(verdict))});
}

Result<std::optional<RecordFault>> RecordGuard::check_absent(store::Store& store, std::string_view kind,
                                                             std::string_view name) {
  const store::Revision revision = CLV_TRY(store.head());
  const RegisterHead head = CLV_TRY(read_current_head(keys_, store, revision));
  RegisterPart part;
  const std::uint8_t number = place_of(keys_, kind, name);
  const PartState state = CLV_TRY(read_part(keys_, store, head, number, part));
  if (state == PartState::kNewer) return stale_head();
  const bool is_there = std::ranges::any_of(
      part.entries, [&](const RegisterEntry& entry) { return entry.kind == kind && entry.name == name; });
  const bool is_trusted = state == PartState::kGood && head.parts[number].distrusted_since == 0;
  if (!is_there && is_trusted) return std::optional<RecordFault>();
  return std::optional(RecordFault{.kind = std::string(kind),
                                   .name = std::string(name),
                                   .what = is_there ? "was removed" : "may have been removed"});
}

}  // namespace claviger::vault
