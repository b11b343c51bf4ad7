// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/schema.h"

#include <gtest/gtest.h>

#include <vector>

#include "store/sqlite/file.h"
#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/testing/folder.h"

namespace claviger::store {
namespace {

using testing::Folder;

Result<void> make_notes(Database& database) {
  return database.execute("CREATE TABLE notes(text TEXT); INSERT INTO notes VALUES ('first')");
}
Result<void> add_color(Database& database) {
  return database.execute("ALTER TABLE notes ADD COLUMN color TEXT NOT NULL DEFAULT 'red'");
}
Result<void> count_notes(Database& database) {
  return database.execute("CREATE TABLE counts AS SELECT color, count(*) AS notes FROM notes GROUP BY color");
}
Result<void> fail_halfway(Database& database) {
  CLV_TRY_VOID(database.execute("DELETE FROM notes; CREATE TABLE half_done(a)"));
  return Error(Code::kInternal, Blame::kGateway, "made to fail");
}

class Schema : public ::testing::Test {
 protected:
  Schema() { EXPECT_TRUE(make_private_file(file_).has_value()); }

  Result<void> migrate_to(const std::vector<Migration>& steps, bool create = false) {
    auto database = Database::open(file_, std::chrono::seconds(1));
    if (!database) return database.error();
    return migrate(**database, steps, create);
  }
  std::int64_t ask(std::string_view sql) {
    auto database = Database::open(file_, std::chrono::seconds(1));
    return database.value()->integer(sql).value();
  }
  void run(const std::string& sql) {
    auto database = Database::open(file_, std::chrono::seconds(1));
    ASSERT_TRUE((*database)->execute(sql).has_value());
  }

  Folder folder_;
  std::string file_ = *canonical_path(folder_ / "claviger.db");
};

TEST_F(Schema, StartsAnEmptyFileOnlyWhenAskedTo) {
  const auto refused = migrate_to({make_notes});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kInvalid);
  ASSERT_TRUE(migrate_to({make_notes}, true).has_value());
  EXPECT_EQ(ask("PRAGMA application_id"), kApplicationId);
  EXPECT_EQ(ask("PRAGMA user_version"), 1);
}

TEST_F(Schema, BringsAnOldFileThroughEveryStepItLacks) {
  ASSERT_TRUE(migrate_to({make_notes}, true).has_value());
  run("INSERT INTO notes VALUES ('second')");
  ASSERT_TRUE(migrate_to({make_notes, add_color, count_notes}).has_value());
  EXPECT_EQ(ask("PRAGMA user_version"), 3);
  EXPECT_EQ(ask("SELECT notes FROM counts WHERE color = 'red'"), 2);
  ASSERT_TRUE(migrate_to({make_notes, add_color, count_notes}).has_value());  // nothing is left to do
  EXPECT_EQ(ask("SELECT count(*) FROM notes"), 2);
}

TEST_F(Schema, LeavesTheFileAsItWasWhenAStepFails) {
  ASSERT_TRUE(migrate_to({make_notes}, true).has_value());
  const auto failed = migrate_to({make_notes, add_color, fail_halfway});
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().what(), "migrating the store: made to fail");
  EXPECT_EQ(ask("PRAGMA user_version"), 1);
  EXPECT_EQ(ask("SELECT count(*) FROM notes"), 1);
  EXPECT_EQ(ask("SELECT count(*) FROM pragma_table_info('notes')"), 1);
  EXPECT_EQ(ask("SELECT count(*) FROM sqlite_schema"), 1);
  EXPECT_TRUE(migrate_to({make_notes, add_color}).has_value());
}

TEST_F(Schema, LeavesAnEmptyFileEmptyWhenTheFirstStepFails) {
  ASSERT_FALSE(migrate_to({make_notes, fail_halfway}, true).has_value());
  EXPECT_EQ(ask("SELECT count(*) FROM sqlite_schema"), 0);
  EXPECT_EQ(ask("PRAGMA application_id"), 0);
  EXPECT_TRUE(migrate_to({make_notes}, true).has_value());
}

TEST_F(Schema, RefusesAFileOfANewerVersion) {
  ASSERT_TRUE(migrate_to({make_notes, add_color}, true).has_value());
  const auto refused = migrate_to({make_notes}, true);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kInvalid);
  EXPECT_EQ(
      refused.error().what(),
      "store " + file_ +
          ": it is of version 2, which a newer Claviger made; this one knows versions up to 1. Run the newer "
          "one, or put back a backup from before the upgrade");
  EXPECT_EQ(ask("PRAGMA user_version"), 2);
}

TEST_F(Schema, LeavesDatabasesOfOthersAlone) {
  for (const char* const sql : {"CREATE TABLE theirs(a)", "PRAGMA application_id=7", "DROP TABLE theirs",
                                "PRAGMA application_id=0; PRAGMA user_version=3"}) {
    run(sql);
    const auto refused = migrate_to({make_notes}, true);
    ASSERT_FALSE(refused.has_value()) << sql;
    EXPECT_EQ(refused.error().code(), Code::kInvalid) << sql;
    EXPECT_EQ(ask("SELECT count(*) FROM sqlite_schema WHERE name = 'notes'"), 0) << sql;
    EXPECT_FALSE(std::filesystem::exists(file_ + "-wal")) << sql;
  }
}

// A released file has to be readable for ever: this is the first version as it was made.
TEST_F(Schema, OpensAFileOfTheFirstVersion) {
  run(R"sql(
    PRAGMA journal_mode=WAL;
    CREATE TABLE head(one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL,
                      last_outbox INTEGER NOT NULL) STRICT;
    INSERT INTO head VALUES (1, 4, 9);
    CREATE TABLE records(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL,
                         deleted INTEGER NOT NULL, updated_at INTEGER NOT NULL, body TEXT NOT NULL,
                         sealed BLOB NOT NULL, mac BLOB NOT NULL, UNIQUE (kind, name)) STRICT;
    CREATE INDEX records_by_revision ON records(revision);
    INSERT INTO records VALUES (65536, 'grant', 'a', 4, 0, 1767225600000000, '{"x":1}', x'01', x'0203');
    CREATE TABLE meta(name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT;
    INSERT INTO meta VALUES ('register', x'0405');
    CREATE TABLE outbox(number INTEGER PRIMARY KEY, event TEXT NOT NULL) STRICT;
    INSERT INTO outbox VALUES (9, '{}');
    CREATE TABLE counters(name TEXT PRIMARY KEY NOT NULL, window INTEGER NOT NULL,
                          leased INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO counters VALUES ('quota', 5, 7);
    PRAGMA application_id=1131181617; PRAGMA user_version=1;
  )sql");
  auto store = open_sqlite(file_, {});
  ASSERT_TRUE(store.has_value()) << store.error().what();
  EXPECT_EQ(*(*store)->head(), 4U);
  EXPECT_EQ((*store)->find("grant", "a")->value().body, "{\"x\":1}");
  EXPECT_EQ((*store)->find("grant", "a")->value().mac, (Bytes{std::byte{2}, std::byte{3}}));
  EXPECT_EQ(*(*store)->find_meta("register"), (Bytes{std::byte{4}, std::byte{5}}));
  EXPECT_EQ((*store)->outbox(1)->front().number, 9U);
  EXPECT_EQ(*(*store)->last_outbox(), 9U);
  EXPECT_EQ((*store)->counters()->front().leased, 7U);
}

}  // namespace
}  // namespace claviger::store
