// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/outbox.h"

namespace claviger::store {

Result<std::vector<OutboxEntry>> Outbox::first(std::size_t limit) {
  // Numbers below 1 are none of ours.
  Query query =
      CLV_TRY(database_.query("SELECT number, event FROM outbox WHERE number > 0 ORDER BY number LIMIT ?"));
  query.bind(clamped(limit));
  std::vector<OutboxEntry> found;
  while (CLV_TRY(query.next())) found.push_back({CLV_TRY(query.number(0)), query.text(1)});
  return found;
}

Result<void> Outbox::forget(std::span<const std::uint64_t> numbers) {
  Transaction transaction = CLV_TRY(Transaction::begin(database_));
  for (const std::uint64_t number : numbers) {
    Query query = CLV_TRY(database_.query("DELETE FROM outbox WHERE number = ?"));
    CLV_TRY_VOID(query.bind(clamped(number)).run());
  }
  return transaction.commit();
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

// Of a row that somebody else put in, within reason: a number that is taken must not stand in the way of a change.
Result<std::uint64_t> Outbox::highest() {
  Query query = CLV_TRY(
      database_.query("SELECT coalesce(max(number), 0) FROM outbox WHERE number > 0 AND number < 1 << 62"));
  if (!CLV_TRY(query.next())) return database_.failure(SQLITE_CORRUPT);
  return query.number(0);
}

// Numbers are counted in the head rather than taken from the table, which is empty most of the time.
Result<void> Outbox::add(std::span<const std::string> events) {
  if (events.empty()) return ok();
  std::uint64_t number = std::max(CLV_TRY(last()), CLV_TRY(highest()));
  for (const std::string& event : events) {
    Query query = CLV_TRY(database_.query("INSERT INTO outbox(number, event) VALUES (?, ?)"));
    CLV_TRY_VOID(query.bind(++number).bind(event).run());
  }
  return number_above(number);
}

}  // namespace claviger::store
