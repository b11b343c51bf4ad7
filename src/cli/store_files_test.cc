// SPDX-License-Identifier: Apache-2.0
#include "cli/store_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace claviger::cli {
namespace {

namespace fs = std::filesystem;

class StoreFiles : public ::testing::Test {
 protected:
  StoreFiles() : directory_(::testing::TempDir() + "claviger-store-" + std::to_string(::getpid())) {
    fs::create_directories(directory_);
  }
  ~StoreFiles() override { fs::remove_all(directory_); }
  std::string at(const std::string& name) const { return directory_ + "/" + name; }
  void write(const std::string& name, std::string_view text) const { std::ofstream(at(name)) << text; }
  std::string read(const std::string& name) const {
    std::ifstream file(at(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::size_t count() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }
  std::string directory_;
};

TEST_F(StoreFiles, PutsTheNewStoreWhereNoneWas) {
  write("fresh", "new");
  const auto kept = replace_store(at("fresh"), at("db"));
  ASSERT_TRUE(kept.has_value()) << kept.error().what();
  EXPECT_EQ(*kept, "");
  EXPECT_EQ(read("db"), "new");
  EXPECT_EQ(count(), 1U);
}

TEST_F(StoreFiles, KeepsTheOldStoreWithItsWal) {
  write("db", "old");
  write("db-wal", "old wal");
  write("db-shm", "old shm");
  write("fresh", "new");
  EXPECT_EQ(*replace_store(at("fresh"), at("db")), at("db.before-restore-1"));
  EXPECT_EQ(read("db"), "new");
  EXPECT_FALSE(fs::exists(at("db-wal")));
  EXPECT_FALSE(fs::exists(at("db-shm")));
  EXPECT_EQ(read("db.before-restore-1"), "old");
  EXPECT_EQ(read("db.before-restore-1-wal"), "old wal");
  EXPECT_EQ(read("db.before-restore-1-shm"), "old shm");
}

TEST_F(StoreFiles, NeverOverwritesWhatWasKeptBefore) {
  write("db.before-restore-1", "older");
  write("db.before-restore-2-wal", "a stray one");
  write("db", "old");
  write("fresh", "new");
  EXPECT_EQ(*replace_store(at("fresh"), at("db")), at("db.before-restore-3"));
  EXPECT_EQ(read("db.before-restore-1"), "older");
}

// SQLite would play it into the new store.
TEST_F(StoreFiles, RemovesAWalThatAnInterruptedAttemptLeft) {
  write("db-wal", "stale");
  write("fresh", "new");
  ASSERT_TRUE(replace_store(at("fresh"), at("db")).has_value());
  EXPECT_FALSE(fs::exists(at("db-wal")));
}

TEST_F(StoreFiles, CopiesPrivatelyAndCompletely) {
  const std::string text(3 << 20, 'x');
  write("backup", text);
  fs::permissions(at("backup"), fs::perms::all);
  write("copy", "what was there before");
  ASSERT_TRUE(copy_private(at("backup"), at("copy")).has_value());
  EXPECT_EQ(read("copy"), text);
  EXPECT_EQ(fs::status(at("copy")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(StoreFiles, CopiesNothingButFiles) {
  EXPECT_FALSE(copy_private(directory_, at("copy")).has_value());
  EXPECT_FALSE(copy_private(at("absent"), at("copy")).has_value());
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  EXPECT_FALSE(copy_private(at("fifo"), at("copy")).has_value());
  EXPECT_FALSE(fs::exists(at("copy")));
}

TEST_F(StoreFiles, MakesAMarkThatIsEmptyAndPrivate) {
  ASSERT_TRUE(make_mark(at("restored")).has_value());
  EXPECT_EQ(fs::file_size(at("restored")), 0U);
  EXPECT_EQ(fs::status(at("restored")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

}  // namespace
}  // namespace claviger::cli
