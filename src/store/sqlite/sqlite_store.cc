// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/sqlite_store.h"

#include <utility>

#include "store/sqlite/backup.h"
#include "store/sqlite/counters.h"
#include "store/sqlite/database.h"
#include "store/sqlite/file.h"
#include "store/sqlite/outbox.h"
#include "store/sqlite/records.h"
#include "store/sqlite/schema.h"

namespace claviger::store {
namespace {

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(std::unique_ptr<Database> database) noexcept
      : database_(std::move(database)), records_(*database_), outbox_(*database_), counters_(*database_) {}

  Result<Revision> head() override {
    Query query = CLV_TRY(database_->query("SELECT revision FROM head"));
    if (!CLV_TRY(query.next())) return database_->failure(SQLITE_CORRUPT);
    return query.number(0);
  }

  Result<std::optional<Record>> find(std::string_view kind, std::string_view name) override {
    return records_.find(kind, name);
  }
  Result<std::vector<Record>> list(std::string_view kind, std::string_view after,
                                   std::size_t limit) override {
    return records_.list(kind, after, limit);
  }
  Result<void> for_each(const std::function<Result<void>(Record)>& each) override {
    return records_.for_each(each);
  }
  Result<std::vector<Record>> changes_since(Revision revision, std::size_t limit) override {
    return records_.changes_since(revision, limit);
  }

  Result<std::optional<Bytes>> find_meta(std::string_view name) override {
    Query query = CLV_TRY(database_->query("SELECT value FROM meta WHERE name = ?"));
    query.bind(name);
    if (!CLV_TRY(query.next())) return std::optional<Bytes>();
    return std::optional<Bytes>(query.bytes(0));
  }

  Result<Revision> commit(const Batch& batch) override;

  Result<std::vector<OutboxEntry>> outbox(std::size_t limit) override { return outbox_.first(limit); }
  Result<void> forget_outbox(std::span<const std::uint64_t> numbers) override {
    return outbox_.forget(numbers);
  }
  Result<std::uint64_t> last_outbox() override { return outbox_.last(); }
  Result<void> number_outbox_above(std::uint64_t number) override { return outbox_.number_above(number); }

  Result<std::vector<Counter>> counters() override { return counters_.all(); }
  Result<void> save_counters(std::span<const Counter> counters) override { return counters_.save(counters); }
  Result<void> forget_counters(std::span<const std::string> names) override {
    return counters_.forget(names);
  }

  Result<void> forget_replaced() override;
  Result<void> back_up(const std::string& file) override { return back_up_database(*database_, file); }

 private:
  Result<void> write_all(const Batch& batch);

  std::unique_ptr<Database> database_;
  Records records_;
  Outbox outbox_;
  Counters counters_;
};

Result<Revision> SqliteStore::commit(const Batch& batch) {
  if (batch.writes.size() > Batch::kMaxWrites)
    return Error(Code::kInvalid, Blame::kCaller, "over 65536 records in one change; make several of it");
  Transaction transaction = CLV_TRY(Transaction::begin(*database_));
  if (CLV_TRY(head()) != batch.base)
    return Error(
        Code::kConflict, Blame::kCaller,
        "something was changed by somebody else in the meantime; read it again, then repeat the change");
  CLV_TRY_VOID(write_all(batch));
  CLV_TRY_VOID(transaction.commit());
  return batch.revision();
}

Result<void> SqliteStore::write_all(const Batch& batch) {
  for (const Batch::Write& write : batch.writes) CLV_TRY_VOID(records_.write(write, batch.revision()));
  for (const Meta& meta : batch.meta) {
    Query query = CLV_TRY(database_->query("INSERT OR REPLACE INTO meta(name, value) VALUES (?, ?)"));
    CLV_TRY_VOID(query.bind(meta.name).bind(meta.value).run());
  }
  CLV_TRY_VOID(outbox_.add(batch.outbox));
  Query query = CLV_TRY(database_->query("UPDATE head SET revision = ?"));
  return query.bind(batch.revision()).run();
}

// Pages that were written over are still in the WAL until it is copied back and cut off; in the database itself secure_delete has
// seen to them. Nobody is waited for: others wait for this thread.
Result<void> SqliteStore::forget_replaced() {
  const std::int64_t patience = CLV_TRY(database_->integer("PRAGMA busy_timeout"));
  CLV_TRY_VOID(database_->execute("PRAGMA busy_timeout=0"));
  const auto is_busy = database_->integer("PRAGMA wal_checkpoint(TRUNCATE)");
  CLV_TRY_VOID(database_->execute("PRAGMA busy_timeout=" + std::to_string(patience)));
  if (CLV_TRY(is_busy) == 0) return ok();
  return Error(Code::kUnavailable, Blame::kOperator,
               "the store's WAL cannot be cut off while another process reads it, such as a backup");
}

// kConflict: somebody else has just made it, and then it is checked like any other.
Result<void> make_if_missing(const std::string& file) {
  const auto made = make_private_file(file);
  if (!made && made.error().code() != Code::kConflict) return made.error();
  return ok();
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite(const std::string& file, const SqliteOptions& options) {
  const std::string path = CLV_TRY(canonical_path(file));
  if (options.create) CLV_TRY_VOID(make_if_missing(path));
  CLV_TRY_VOID(check_database_files(path));
  std::unique_ptr<Database> database = CLV_TRY(Database::open(path, options.patience));
  auto migrated = migrate(*database, migrations(), options.create);
  if (!migrated) return migrated.error();
  return std::unique_ptr<Store>(std::make_unique<SqliteStore>(std::move(database)));
}

}  // namespace claviger::store
