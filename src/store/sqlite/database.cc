// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/database.h"

#include <cerrno>

#include "base/check.h"

namespace claviger::store {
namespace {

// What cannot be said by pragma. A trigger or view in the file is somebody else's program.
constexpr std::pair<int, int> kSwitches[] = {
    {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
    {SQLITE_DBCONFIG_DQS_DML, 0},        {SQLITE_DBCONFIG_DQS_DDL, 0},
};

// NORMAL would lose acknowledged commits to a power cut. The WAL is cut back after a large batch. Nothing of
// a record goes to a temporary file.
constexpr const char* kPragmas =
    "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"
    "PRAGMA journal_size_limit=16777216; PRAGMA temp_store=MEMORY;";

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const std::string& file,
                                                 std::chrono::milliseconds patience) {
  std::unique_ptr<Database> database(new Database(file));
  CLV_TRY_VOID(database->set_up(patience));
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : idle_) sqlite3_finalize(statement);
  // Not the lazy kind: whoever closes a store with a query open has broken the order of destruction.
  CLV_CHECK(sqlite3_close(connection_) == SQLITE_OK);
}

Result<void> Database::set_up(std::chrono::milliseconds patience) {
  constexpr int kFlags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (const int code = sqlite3_open_v2(file_.c_str(), &connection_, kFlags, nullptr); code != SQLITE_OK)
    return failure(code);
  // SQLite falls back to reading when it may not write.
  if (sqlite3_db_readonly(connection_, "main") == 1) return failure(SQLITE_READONLY);
  for (const auto& [option, value] : kSwitches)
    if (const int code = sqlite3_db_config(connection_, option, value, nullptr); code != SQLITE_OK)
      return failure(code);
  sqlite3_limit(connection_, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  sqlite3_limit(connection_, SQLITE_LIMIT_ATTACHED, 1);  // VACUUM INTO needs one
  sqlite3_busy_timeout(connection_, static_cast<int>(patience.count()));
  return execute(kPragmas);
}

Result<Query> Database::query(std::string_view sql) {
  if (auto kept = idle_.extract(sql)) return Query(*this, sql, kept.mapped());
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return Query(*this, sql, statement);
}

Result<void> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return ok();
}

Result<std::int64_t> Database::integer(std::string_view sql) {
  Query query = CLV_TRY(this->query(sql));
  if (!CLV_TRY(query.next())) return failure(SQLITE_CORRUPT);
  return query.integer(0);
}

Error Database::failure(int code) const {
  const int reason = connection_ == nullptr ? 0 : sqlite3_system_errno(connection_);
  const auto told = [&](Code kind, const std::string& what) {
    return Error::formatted(kind, Blame::kOperator, "store " + file_ + ": " + what);
  };
  const auto refused = [&](const std::string& what) {
    if (reason == 0) return told(Code::kUnavailable, what);
    return Error::from_errno(Code::kUnavailable, Blame::kOperator, "store " + file_ + ": " + what, reason);
  };
  const bool is_full = reason == ENOSPC || reason == EDQUOT;
  switch (code & 0xff) {
    case SQLITE_FULL:
      return told(Code::kUnavailable, "the disk is full; free some space, then try again");
    case SQLITE_IOERR:
      if (is_full) return told(Code::kUnavailable, "the disk is full; free some space, then try again");
      return refused("the disk failed (SQLite code " + std::to_string(code) +
                     "); check it, its file system and its quota");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return refused("cannot be opened; check the permissions of the file and of its directory");
    case SQLITE_READONLY:
      return told(Code::kUnavailable,
                  "cannot be written; check its permissions, and that its volume is not read-only");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return told(Code::kUnavailable, "another process keeps it locked; see which (fuser), and end that one");
    case SQLITE_NOMEM:
      return told(Code::kUnavailable, "out of memory");
    case SQLITE_NOTADB:
      return told(Code::kInvalid, "the file is no database; name another one, or put it back from a backup");
    case SQLITE_CORRUPT:
      return told(Code::kInternal, "the file is damaged; put it back from a backup");
    case SQLITE_TOOBIG:
      return told(Code::kInvalid, "a value is too large to be kept (over 32 MiB)");
    case SQLITE_CONSTRAINT:
      return told(Code::kConflict, "another record has this id");
    default:
      // The code's own words: a message of the connection might quote what was bound.
      return Error::formatted(Code::kInternal, Blame::kGateway,
                              "store " + file_ + ": " + sqlite3_errstr(code));
  }
}

}  // namespace claviger::store
