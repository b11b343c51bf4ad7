// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/sqlite_store.h"

#include <sqlite3.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "base/testing/slowdown.h"
#include "store/sqlite/testing/folder.h"
#include "store/testing/store_contract.h"

namespace claviger::store {
namespace {

using testing::add_changed;
using testing::add_new;
using testing::Folder;
using testing::mode_of;

class SqlitePlace final : public testing::StorePlace {
 public:
  Result<std::unique_ptr<Store>> open() override {
    return open_sqlite(folder_ / "claviger.db", {.create = true});
  }
  Result<std::unique_ptr<Store>> open_backup(const std::string& file) override {
    return open_sqlite(file, {});
  }

 private:
  Folder folder_;
};

class SqliteStoreTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Store>> open(bool create = true) { return open_sqlite(file_, {.create = create}); }
  std::unique_ptr<Store> opened() {
    auto store = open();
    EXPECT_TRUE(store.has_value()) << store.error().what();
    return store ? *std::move(store) : nullptr;
  }
  Code refusal(bool create = true) {
    const auto store = open(create);
    return store ? Code::kClosed : store.error().code();
  }
  void write(const std::string& file, std::string_view text) { std::ofstream(file) << text; }

  Folder folder_;
  std::string file_ = folder_ / "claviger.db";
};

TEST_F(SqliteStoreTest, IsMadeOnlyWhenAskedTo) {
  EXPECT_EQ(refusal(false), Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(file_));
  opened();
  EXPECT_TRUE(open(false).has_value());
}

TEST_F(SqliteStoreTest, KeepsItsFilesPrivateWhateverTheUmask) {
  for (const mode_t mask : {0U, 0777U}) {
    const mode_t before = ::umask(mask);
    const auto store = opened();
    ASSERT_NE(store, nullptr);
    EXPECT_TRUE(store->commit(Batch{}).has_value());
    EXPECT_EQ(mode_of(file_), 0600U);
    EXPECT_EQ(mode_of(file_ + "-wal"), 0600U);
    EXPECT_EQ(mode_of(file_ + "-shm"), 0600U);
    ::umask(before);
    file_ += ".second";
  }
}

TEST_F(SqliteStoreTest, RefusesAFileThatOthersMayWrite) {
  opened();
  for (const unsigned mode : {0660U, 0602U}) {
    ::chmod(file_.c_str(), mode);
    EXPECT_EQ(refusal(), Code::kInvalid);
    EXPECT_EQ(mode_of(file_), mode);
  }
  ::chmod(file_.c_str(), 0600);
  EXPECT_TRUE(open().has_value());
}

TEST_F(SqliteStoreTest, RefusesALogThatOthersMayWrite) {
  opened();
  for (const char* const suffix : {"-wal", "-shm", "-journal"}) {
    write(file_ + suffix, "");
    ::chmod((file_ + suffix).c_str(), 0666);
    EXPECT_EQ(refusal(), Code::kInvalid) << suffix;
    std::filesystem::remove(file_ + suffix);
  }
  std::filesystem::create_symlink(file_, file_ + "-wal");
  EXPECT_EQ(refusal(), Code::kInvalid);
}

TEST_F(SqliteStoreTest, RefusesAFileOfAnotherUser) {
  opened();
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chown(file_.c_str(), 12345, 12345), 0);
  EXPECT_EQ(refusal(), Code::kInvalid);
}

TEST_F(SqliteStoreTest, FollowsNoLinkToItsFileButOneToItsDirectory) {
  opened();
  std::filesystem::create_symlink(file_, folder_ / "link.db");
  std::filesystem::create_symlink(folder_ / "new.db", folder_ / "dangling.db");
  std::filesystem::create_directory_symlink(folder_.path(), folder_ / "self");
  for (const char* const name : {"link.db", "dangling.db"})
    EXPECT_EQ(open_sqlite(folder_ / name, {.create = true}).error().code(), Code::kInvalid) << name;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "new.db"));
  EXPECT_TRUE(open_sqlite(folder_ / "self/claviger.db", {}).has_value());
}

TEST_F(SqliteStoreTest, RefusesWhatIsNoFile) {
  std::filesystem::create_directory(folder_ / "directory");
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  for (const char* const name : {"directory", "fifo", "", ".", "..", "directory/"})
    EXPECT_EQ(open_sqlite(folder_ / name, {.create = true}).error().code(), Code::kInvalid) << name;
  EXPECT_EQ(open_sqlite(folder_ / "nowhere/claviger.db", {.create = true}).error().code(), Code::kNotFound);
}

TEST_F(SqliteStoreTest, TakesNoUri) {
  const auto store = open_sqlite(folder_ / "file:a.db?mode=memory", {.create = true});
  EXPECT_TRUE(store.has_value());
  EXPECT_TRUE(std::filesystem::exists(folder_ / "file:a.db?mode=memory"));
  EXPECT_TRUE((*store)->back_up(folder_ / "file:b.db?mode=memory").has_value());
  EXPECT_GT(std::filesystem::file_size(folder_ / "file:b.db?mode=memory"), 0U);
}

TEST_F(SqliteStoreTest, RefusesWhatIsNoDatabase) {
  write(file_, std::string(8192, 'x'));
  ::chmod(file_.c_str(), 0600);
  EXPECT_EQ(refusal(), Code::kInvalid);
  EXPECT_EQ(std::filesystem::file_size(file_), 8192U);
}

TEST_F(SqliteStoreTest, NoticesDamage) {
  {
    const auto store = opened();
    Batch batch;
    for (int i = 0; i < 500; ++i) add_new(batch, "grant", std::to_string(i), std::string(250, 'x'));
    ASSERT_TRUE(store->commit(batch).has_value());
  }
  std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
  for (int page = 3; page < 40; ++page) {
    file.seekp(page * 4096);
    file << std::string(64, '\xff');
  }
  file.close();
  const auto store = open();
  ASSERT_TRUE(store.has_value());
  const auto done = (*store)->for_each([](const Record&) { return ok(); });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Code::kInternal);
  EXPECT_NE(done.error().what().find("put it back from a backup"), std::string_view::npos);
}

// Whoever can write the file can put a program of theirs into it.
TEST_F(SqliteStoreTest, RunsNoTriggerOfItsFile) {
  const auto attack = [&](const char* sql) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &raw), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(raw, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(raw);
  };
  opened();
  attack("CREATE TRIGGER t AFTER UPDATE ON head BEGIN INSERT INTO outbox VALUES (7, 'forged'); END");
  const auto store = opened();
  ASSERT_TRUE(store->commit(Batch{}).has_value());
  EXPECT_TRUE(store->outbox(10)->empty());
}

TEST_F(SqliteStoreTest, RefusesValuesThatAreTooLarge) {
  const auto store = opened();
  Batch batch;
  add_new(batch, "grant", "a", std::string((32U << 20) + 1, 'x'));
  EXPECT_EQ(store->commit(batch).error().code(), Code::kInvalid);
  batch.writes[0].record.body = "";
  batch.writes[0].record.id = UINT64_MAX;
  EXPECT_EQ(store->commit(batch).error().code(), Code::kInvalid);
  EXPECT_EQ(store->number_outbox_above(UINT64_MAX).error().code(), Code::kInvalid);
  EXPECT_EQ(*store->head(), 0U);
  EXPECT_TRUE(store->commit(Batch{}).has_value());
}

TEST_F(SqliteStoreTest, LetsAnotherProcessBackUpWhileItWrites) {
  const auto gateway = opened();
  Batch batch;
  for (int i = 0; i < 1000; ++i) add_new(batch, "grant", std::to_string(i), std::string(250, 'x'));
  ASSERT_TRUE(gateway->commit(batch).has_value());
  const auto other = open(false);  // as good as another process: a connection of its own
  ASSERT_TRUE(other.has_value()) << other.error().what();
  bool is_first = true;
  const auto done = (*other)->for_each([&](const Record&) {
    if (std::exchange(is_first, false)) EXPECT_TRUE(gateway->commit(Batch{.base = 1}).has_value());
    return ok();
  });
  EXPECT_TRUE(done.has_value());
  ASSERT_TRUE((*other)->back_up(folder_ / "copy").has_value());
  EXPECT_EQ(*(*open_sqlite(folder_ / "copy", {}))->head(), 2U);
}

TEST_F(SqliteStoreTest, SaysWhoKeepsItLocked) {
  const auto store = open_sqlite(file_, {.create = true, .patience = std::chrono::milliseconds(20)}).value();
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(*store->head(), 0U);
  const auto done = store->commit(Batch{});
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Code::kUnavailable);
  EXPECT_NE(done.error().what().find("another process keeps it locked"), std::string_view::npos);
  sqlite3_close(raw);
  EXPECT_TRUE(store->commit(Batch{}).has_value());
}

// Fifty times what a start may take, since this also runs under sanitizers on slow and busy machines.
TEST_F(SqliteStoreTest, WritesTenThousandAndReadsAHundredThousandRecordsSwiftly) {
  using Clock = std::chrono::steady_clock;
  const auto elapsed_ms = [](Clock::time_point since) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since).count();
  };
  const auto store = opened();
  const std::string body(250, 'x');
  long writing = 0;
  for (Revision revision = 0; revision < 10; ++revision) {
    Batch batch{.base = revision};
    for (Revision i = 0; i < 10'000; ++i)
      add_new(batch, "api_key", std::to_string(revision * 10'000 + i), body);
    const auto start = Clock::now();
    ASSERT_TRUE(store->commit(batch).has_value());
    writing = std::max(writing, elapsed_ms(start));
  }
  std::size_t count = 0;
  const auto start = Clock::now();
  ASSERT_TRUE(store->for_each([&](const Record&) { return ++count, ok(); }).has_value());
  const long reading = elapsed_ms(start);
  EXPECT_EQ(count, 100'000U);
  EXPECT_LT(reading, 12500 * base::testing::kSlowdown);
  EXPECT_LT(writing, 25000 * base::testing::kSlowdown);
  RecordProperty("reading_ms", static_cast<int>(reading));
  RecordProperty("writing_ms", static_cast<int>(writing));
}

}  // namespace

namespace testing {
INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract,
                         ::testing::Values([] { return std::make_unique<SqlitePlace>(); }));
}  // namespace testing

}  // namespace claviger::store
