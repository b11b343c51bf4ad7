// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/outbox.h"

namespace claviger::store {

Result<std::vector<OutboxEntry>> Outbox::first(std::size_t limit) {
  Query query = CLV_TRY(database_.query("SELECT number, event FROM outbox ORDER BY number LIMIT ?"));
  query.bind(clamped(limit));
  std::vector<OutboxEntry> found;
  while (CLV_TRY(query.next())) found.push_back({CLV_TRY(query.number(0)), query.text(1)});
  return found;
}

Result<void> Outbox::forget(std::uint64_t number) {
  Query query = CLV_TRY(database_.query("DELETE FROM outbox WHERE number <= ?"));
  return query.bind(clamped(number)).run();
}

Result<std::uint64_t> Outbox::last() {
  Query query = CLV_TRY(database_.query("SELECT last_outbox FROM head"));
  if (!CLV_TRY(query.next())) return database_.failure(SQLITE_CORRUPT);
  return query.number(0);
}

Result<void> Outbox::number_above(std::uint64_t number) {
  Query query = CLV_TRY(database_.query("UPDATE head SET last_outbox = max(last_outbox, ?)"));
  return query.bind(number).run();
}

// Numbers are counted in the head rather than taken from the table, which is empty most of the time.
Result<void> Outbox::add(std::span<const std::string> events) {
  if (events.empty()) return ok();
  std::uint64_t number = CLV_TRY(last());
  for (const std::string& event : events) {
    Query query = CLV_TRY(database_.query("INSERT INTO outbox(number, event) VALUES (?, ?)"));
    CLV_TRY_VOID(query.bind(++number).bind(event).run());
  }
  return number_above(number);
}

}  // namespace claviger::store
