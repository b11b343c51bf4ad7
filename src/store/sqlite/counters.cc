// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/counters.h"

namespace claviger::store {

Result<std::vector<Counter>> Counters::all() {
  Query query = CLV_TRY(database_.query("SELECT name, window, leased FROM counters ORDER BY name"));
  std::vector<Counter> found;
  while (CLV_TRY(query.next()))
    found.push_back({query.text(0), CLV_TRY(query.number(1)), CLV_TRY(query.number(2))});
  return found;
}

Result<void> Counters::save(std::span<const Counter> counters) {
  if (counters.empty()) return ok();
  Transaction transaction = CLV_TRY(Transaction::begin(database_));
  for (const Counter& counter : counters) {
    Query query =
        CLV_TRY(database_.query("INSERT OR REPLACE INTO counters(name, window, leased) VALUES (?, ?, ?)"));
    CLV_TRY_VOID(query.bind(counter.name).bind(counter.window).bind(counter.leased).run());
  }
  return transaction.commit();
}

Result<void> Counters::forget(std::span<const std::string> names) {
  if (names.empty()) return ok();
  Transaction transaction = CLV_TRY(Transaction::begin(database_));
  for (const std::string& name : names) {
    Query query = CLV_TRY(database_.query("DELETE FROM counters WHERE name = ?"));
    CLV_TRY_VOID(query.bind(name).run());
  }
  return transaction.commit();
}

}  // namespace claviger::store
