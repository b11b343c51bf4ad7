// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/schema.h"

#include <string>

namespace claviger::store {
namespace {

// Records are kept in the order of ids, the order in which all of them are read. docs/formats/store.md says
// what each column means.
Result<void> make_version_1(Database& database) {
  return database.execute(R"sql(
    CREATE TABLE head(
      one INTEGER PRIMARY KEY CHECK (one = 1),
      revision INTEGER NOT NULL,
      last_outbox INTEGER NOT NULL
    ) STRICT;
    INSERT INTO head VALUES (1, 0, 0);
    CREATE TABLE records(
      id INTEGER PRIMARY KEY,
      kind TEXT NOT NULL,
      name TEXT NOT NULL,
      revision INTEGER NOT NULL,
      deleted INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      body TEXT NOT NULL,
      sealed BLOB NOT NULL,
      mac BLOB NOT NULL,
      UNIQUE (kind, name)
    ) STRICT;
    CREATE INDEX records_by_revision ON records(revision);
    CREATE TABLE meta(
      name TEXT PRIMARY KEY NOT NULL,
      value BLOB NOT NULL
    ) STRICT;
    CREATE TABLE outbox(
      number INTEGER PRIMARY KEY,
      event TEXT NOT NULL
    ) STRICT;
    CREATE TABLE counters(
      name TEXT PRIMARY KEY NOT NULL,
      window INTEGER NOT NULL,
      leased INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  )sql");
}

constexpr Migration kSteps[] = {make_version_1};

Error invalid(const Database& database, const std::string& what) {
  return Error::formatted(Code::kInvalid, Blame::kOperator, "store " + database.file() + ": " + what);
}

// How many steps the file has behind it.
Result<std::size_t> version_of(Database& database, std::size_t newest, bool create) {
  const std::int64_t application = CLV_TRY(database.integer("PRAGMA application_id"));
  const std::int64_t version = CLV_TRY(database.integer("PRAGMA user_version"));
  if (application == 0 && version == 0) {
    const bool is_empty = CLV_TRY(database.integer("SELECT count(*) FROM sqlite_schema")) == 0;
    if (is_empty && create) return std::size_t{0};
    if (is_empty) return invalid(database, "the file is empty; put the store back from a backup");
  }
  if (application != kApplicationId || version < 1)
    return invalid(database, "this is a database of another application; name another file");
  const auto steps = static_cast<std::size_t>(version);
  if (steps > newest)
    return invalid(database, "it is of version " + std::to_string(version) +
                                 ", which a newer Claviger made; this one "
                                 "knows versions up to " +
                                 std::to_string(newest) +
                                 ". Run the newer one, or put back a backup from before the upgrade");
  return steps;
}

// A database has to be ours before it is changed.
Result<void> keep_a_wal(Database& database) {
  Query query = CLV_TRY(database.query("PRAGMA journal_mode=WAL"));
  if (CLV_TRY(query.next()) && query.text(0) == "wal") return ok();
  return Error::formatted(
      Code::kUnavailable, Blame::kOperator,
      "store " + database.file() + ": its file system cannot hold a write-ahead log; use a local one");
}

}  // namespace

std::span<const Migration> migrations() noexcept { return kSteps; }

Result<void> migrate(Database& database, std::span<const Migration> steps, bool create) {
  const std::size_t before = CLV_TRY(version_of(database, steps.size(), create));
  CLV_TRY_VOID(keep_a_wal(database));
  if (before == steps.size()) return ok();
  Transaction transaction = CLV_TRY(Transaction::begin(database));
  // Another process may have been faster.
  const std::size_t version = CLV_TRY(version_of(database, steps.size(), create));
  for (const Migration step : steps.subspan(version))
    if (auto done = step(database); !done) return done.error().within("migrating the store");
  CLV_TRY_VOID(database.execute("PRAGMA application_id=" + std::to_string(kApplicationId) +
                                "; PRAGMA user_version=" + std::to_string(steps.size())));
  return transaction.commit();
}

}  // namespace claviger::store
