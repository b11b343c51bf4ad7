// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/records.h"

namespace claviger::store {
namespace {

#define CLV_COLUMNS "id, kind, name, revision, deleted, updated_at, body, sealed, mac"

constexpr std::string_view kFind = "SELECT " CLV_COLUMNS " FROM records WHERE kind = ? AND name = ?";
constexpr std::string_view kList =
    "SELECT " CLV_COLUMNS " FROM records WHERE kind = ? AND name > ? AND deleted = 0 ORDER BY name LIMIT ?";
constexpr std::string_view kAll = "SELECT " CLV_COLUMNS " FROM records ORDER BY id";
constexpr std::string_view kSince =
    "SELECT " CLV_COLUMNS " FROM records WHERE revision > ? ORDER BY revision, id";
constexpr std::string_view kInsert =
    "INSERT INTO records(" CLV_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
constexpr std::string_view kReplace =
    "UPDATE records SET id = ?1, revision = ?4, deleted = ?5, updated_at = ?6, body = ?7, sealed = ?8, mac = "
    "?9 "
    "WHERE kind = ?2 AND name = ?3 AND revision = ?10";

#undef CLV_COLUMNS

Result<Record> read(const Query& row) {
  Record record;
  record.id = CLV_TRY(row.number(0));
  record.kind = row.text(1);
  record.name = row.text(2);
  record.revision = CLV_TRY(row.number(3));
  record.deleted = row.integer(4) != 0;
  record.updated_at = WallTime(std::chrono::microseconds(row.integer(5)));
  record.body = row.text(6);
  record.sealed = row.bytes(7);
  record.mac = row.bytes(8);
  return record;
}

Error was_changed(const Record& record) {
  return Error::formatted(
      Code::kConflict, Blame::kCaller,
      record.kind + " " + record.name +
          " was changed by somebody else in the meantime; read it again, then repeat the change");
}

}  // namespace

Result<std::optional<Record>> Records::find(std::string_view kind, std::string_view name) {
  Query query = CLV_TRY(database_.query(kFind));
  query.bind(kind).bind(name);
  if (!CLV_TRY(query.next())) return std::optional<Record>();
  return std::optional<Record>(CLV_TRY(read(query)));
}

Result<std::vector<Record>> Records::list(std::string_view kind, std::string_view after, std::size_t limit) {
  Query query = CLV_TRY(database_.query(kList));
  query.bind(kind).bind(after).bind(clamped(limit));
  std::vector<Record> found;
  while (CLV_TRY(query.next())) found.push_back(CLV_TRY(read(query)));
  return found;
}

Result<void> Records::for_each(const std::function<Result<void>(Record)>& each) {
  Query query = CLV_TRY(database_.query(kAll));
  while (CLV_TRY(query.next())) {
    Record record = CLV_TRY(read(query));
    CLV_TRY_VOID(each(std::move(record)));
  }
  return ok();
}

Result<std::vector<Record>> Records::changes_since(Revision revision, std::size_t limit) {
  Query query = CLV_TRY(database_.query(kSince));
  query.bind(clamped(revision));
  std::vector<Record> found;
  while (CLV_TRY(query.next())) {
    if (found.size() >= limit && !found.empty() && found.back().revision != CLV_TRY(query.number(3))) break;
    found.push_back(CLV_TRY(read(query)));
  }
  return found;
}

Result<void> Records::write(const Batch::Write& write, Revision revision) {
  const Record& record = write.record;
  // No row that was there before the batch is at its revision: a second write of the same one is not let
  // through.
  if (write.replaces >= revision) return was_changed(record);
  Query query = CLV_TRY(database_.query(write.replaces == 0 ? kInsert : kReplace));
  query.bind(record.id).bind(record.kind).bind(record.name).bind(revision);
  query.bind(std::uint64_t{record.deleted}).bind_signed(record.updated_at.time_since_epoch().count());
  query.bind(record.body).bind(record.sealed).bind(record.mac);
  if (write.replaces != 0) query.bind(write.replaces);
  CLV_TRY_VOID(query.run());
  if (database_.changes() != 1) return was_changed(record);
  return ok();
}

}  // namespace claviger::store
