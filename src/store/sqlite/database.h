// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "store/store.h"

namespace claviger::store {

class Query;

// A connection to an SQLite file, set up to believe neither its schema nor its pages more than it must.
//
// Owns: the connection and its prepared statements.
// Threads: one at a time.
class Database {
 public:
  static constexpr int kMaxValueBytes = 32 << 20;  // of a value, and of a row

  // A file that is there; `file` is canonical (sqlite/file.h). Reads nothing yet, and changes nothing. Waits
  // for locks of other processes for `patience`.
  static Result<std::unique_ptr<Database>> open(const std::string& file, std::chrono::milliseconds patience);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // One use of a statement; `sql` is a literal.
  Result<Query> query(std::string_view sql);
  // Statements without parameters, that are not worth keeping prepared.
  Result<void> execute(const std::string& sql);
  // Of a query with one row and one column.
  Result<std::int64_t> integer(std::string_view sql);

  // Rows that the last write changed.
  std::int64_t changes() const noexcept { return sqlite3_changes64(connection_); }
  const std::string& file() const noexcept { return file_; }
  // What an SQLite result code means for whoever runs the gateway.
  Error failure(int code) const;

 private:
  friend class Query;
  friend class Transaction;
  explicit Database(std::string file) : file_(std::move(file)) {}
  Result<void> set_up(std::chrono::milliseconds patience);

  std::string file_;
  sqlite3* connection_ = nullptr;
  std::unordered_map<std::string_view, sqlite3_stmt*> idle_;
};

// One use of a prepared statement. What is bound must outlive it; what it reads is copied out.
class Query {
 public:
  Query(Query&& other) noexcept;
  Query& operator=(Query&&) = delete;
  ~Query();

  // To the next parameter. An error shows in next().
  Query& bind(std::string_view text);
  Query& bind(std::span<const std::byte> bytes);
  Query& bind(std::uint64_t number);
  Query& bind_signed(std::int64_t number);

  // True: there is a row.
  Result<bool> next();
  // For a statement without rows.
  Result<void> run();

  // Columns of the row.
  std::int64_t integer(int column) const noexcept { return sqlite3_column_int64(statement_, column); }
  // kInternal when it is below zero, which nothing that was written is.
  Result<std::uint64_t> number(int column) const;
  std::string text(int column) const;
  Bytes bytes(int column) const;

 private:
  friend class Database;
  Query(Database& database, std::string_view sql, sqlite3_stmt* statement) noexcept
      : database_(&database), sql_(sql), statement_(statement) {}
  void note(int code) noexcept;

  Database* database_;
  std::string_view sql_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
  int failed_ = SQLITE_OK;
};

// All or nothing: what was not committed is rolled back.
class Transaction {
 public:
  // Takes the write lock at once, so that nothing read inside can be out of date.
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Result<void> commit();

 private:
  explicit Transaction(Database& database) noexcept : database_(&database) {}
  void roll_back() noexcept;

  Database* database_;  // nullptr: it is over
};

// Numbers that only bound a search. SQLite's are signed.
inline std::uint64_t clamped(std::uint64_t number) noexcept {
  return number < INT64_MAX ? number : INT64_MAX;
}

}  // namespace claviger::store
