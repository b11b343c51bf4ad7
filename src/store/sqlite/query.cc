// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "store/sqlite/database.h"

namespace claviger::store {

Query::Query(Query&& other) noexcept
    : database_(other.database_),
      sql_(other.sql_),
      statement_(std::exchange(other.statement_, nullptr)),
      bound_(other.bound_),
      failed_(other.failed_) {}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  // One inside the other, the same statement is there twice.
  if (!database_->idle_.emplace(sql_, statement_).second) sqlite3_finalize(statement_);
}

void Query::note(int code) noexcept {
  if (failed_ == SQLITE_OK) failed_ = code;
}

// A null pointer would bind NULL, which is not the same as nothing in it.
Query& Query::bind(std::string_view text) {
  const char* const data = text.data() == nullptr ? "" : text.data();
  note(sqlite3_bind_text64(statement_, ++bound_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Query& Query::bind(std::span<const std::byte> bytes) {
  const void* const data = bytes.empty() ? static_cast<const void*>("") : bytes.data();
  note(sqlite3_bind_blob64(statement_, ++bound_, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Query& Query::bind(std::uint64_t number) {
  if (number > INT64_MAX) note(SQLITE_TOOBIG);
  return bind_signed(static_cast<std::int64_t>(number));
}

Query& Query::bind_signed(std::int64_t number) {
  note(sqlite3_bind_int64(statement_, ++bound_, number));
  return *this;
}

Result<bool> Query::next() {
  if (failed_ != SQLITE_OK) return database_->failure(failed_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  failed_ = code;
  return database_->failure(code);
}

Result<void> Query::run() {
  CLV_TRY(next());
  return ok();
}

Result<std::uint64_t> Query::number(int column) const {
  const std::int64_t found = integer(column);
  if (found < 0) return database_->failure(SQLITE_CORRUPT);
  return static_cast<std::uint64_t>(found);
}

std::string Query::text(int column) const {
  // The text first: asking for it may convert, which changes the size.
  const auto* const data = static_cast<const void*>(sqlite3_column_text(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

Bytes Query::bytes(int column) const {
  const auto* const data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data == nullptr ? Bytes() : Bytes(data, data + size);
}

}  // namespace claviger::store
