// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"
#include "store/sqlite/database.h"

namespace claviger::store {

Result<Transaction> Transaction::begin(Database& database) {
  Query query = CLV_TRY(database.query("BEGIN IMMEDIATE"));
  CLV_TRY_VOID(query.run());
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) roll_back();
}

Result<void> Transaction::commit() {
  Query query = CLV_TRY(database_->query("COMMIT"));
  const auto done = query.run();
  if (!done) {
    roll_back();
    // When writing succeeded and syncing failed, the WAL may hold a whole transaction that nobody was told
    // of, and a crash would bring it back. Copying out what is before it empties the WAL. As well as a
    // failing disk can.
    sqlite3_wal_checkpoint_v2(database_->connection_, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  }
  database_ = nullptr;
  return done;
}

// Some errors have rolled back already.
void Transaction::roll_back() noexcept {
  sqlite3* const connection = database_->connection_;
  if (sqlite3_get_autocommit(connection) == 0)
    sqlite3_exec(connection, "ROLLBACK", nullptr, nullptr, nullptr);
  CLV_CHECK(sqlite3_get_autocommit(connection) != 0);
}

}  // namespace claviger::store
