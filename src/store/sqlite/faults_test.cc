// SPDX-License-Identifier: Apache-2.0
// A disk that is full, fails, or cannot be written to.

#include <dlfcn.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/testing/folder.h"
#include "store/testing/store_contract.h"

namespace {

int write_error = 0;      // what SQLite's writes end in; 0: they work
long writes_allowed = 0;  // before that
int failing_syncs = 0;    // so many of the next

bool is_write_failing() {
  if (write_error == 0 || writes_allowed-- > 0) return false;
  errno = write_error;
  return true;
}

ssize_t faulty_pwrite(int fd, const void* data, size_t size, off_t offset) {
  return is_write_failing() ? -1 : ::pwrite(fd, data, size, offset);
}
ssize_t faulty_write(int fd, const void* data, size_t size) {
  return is_write_failing() ? -1 : ::write(fd, data, size);
}

}  // namespace

// SQLite's VFS lets its writes be replaced, but not its syncs.
extern "C" __attribute__((visibility("default"))) int fdatasync(int fd) {
  if (failing_syncs > 0) {
    --failing_syncs;
    errno = EIO;
    return -1;
  }
  static const auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fdatasync"));
  return real(fd);
}

namespace claviger::store {
namespace {

using testing::add_changed;
using testing::add_new;
using testing::Folder;

class SqliteFaults : public ::testing::Test {
 protected:
  SqliteFaults() {
    replace("pwrite", reinterpret_cast<sqlite3_syscall_ptr>(&faulty_pwrite));
    replace("pwrite64", reinterpret_cast<sqlite3_syscall_ptr>(&faulty_pwrite));
    replace("write", reinterpret_cast<sqlite3_syscall_ptr>(&faulty_write));
    Batch batch;
    add_new(batch, "grant", "a", "old");
    EXPECT_TRUE(store_->commit(batch).has_value());
  }
  ~SqliteFaults() override {
    heal();
    sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    vfs->xSetSystemCall(vfs, nullptr, nullptr);
  }
  static void replace(const char* name, sqlite3_syscall_ptr with) {
    sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    vfs->xSetSystemCall(vfs, name, with);  // which of them it uses depends on how it was built
  }
  static void break_writes(int error, long after = 0) {
    write_error = error;
    writes_allowed = after;
  }
  static void heal() { write_error = failing_syncs = 0; }

  // Changes all there is, in more pages than one.
  Batch change() {
    Batch batch{.base = store_->head().value()};
    add_changed(batch, store_->find("grant", "a")->value(), "new");
    for (int i = 0; i < 20; ++i) add_new(batch, "grant", "b" + std::to_string(i), std::string(2000, 'x'));
    batch.meta = {{"register", testing::bytes_of("new")}};
    batch.outbox = {"event"};
    return batch;
  }
  static void expect_unchanged(Store& store) {
    EXPECT_EQ(*store.head(), 1U);
    EXPECT_EQ(store.find("grant", "a")->value().body, "old");
    EXPECT_EQ(store.list("grant", "", 100)->size(), 1U);
    EXPECT_FALSE(store.find_meta("register")->has_value());
    EXPECT_TRUE(store.outbox(10)->empty());
  }
  // What another start would find if the process ended here.
  void expect_unchanged_after_a_crash() {
    const Folder other;
    for (const char* const suffix : {"", "-wal"})
      std::filesystem::copy_file(file_ + suffix, (other / "claviger.db") + suffix);
    const auto again = open_sqlite(other / "claviger.db", {});
    ASSERT_TRUE(again.has_value()) << again.error().what();
    expect_unchanged(**again);
  }

  Folder folder_;
  std::string file_ = folder_ / "claviger.db";
  std::unique_ptr<Store> store_ = open_sqlite(file_, {.create = true}).value();
};

TEST_F(SqliteFaults, RefusesAndGoesOnWhenTheDiskWasFull) {
  // At each write of the transaction.
  for (long after = 0;; ++after) {
    break_writes(ENOSPC, after);
    const auto done = store_->commit(change());
    const bool was_reached = writes_allowed < 0;
    heal();
    if (!was_reached) {
      EXPECT_TRUE(done.has_value());
      EXPECT_GT(after, 20);
      break;
    }
    ASSERT_FALSE(done.has_value()) << after;
    EXPECT_EQ(done.error().code(), Code::kUnavailable);
    EXPECT_EQ(done.error().blame(), Blame::kOperator);
    EXPECT_EQ(done.error().what(), "store " + file_ + ": the disk is full; free some space, then try again");
    expect_unchanged(*store_);
    expect_unchanged_after_a_crash();
  }
  EXPECT_EQ(store_->find("grant", "a")->value().body, "new");
  EXPECT_EQ(store_->list("grant", "", 100)->size(), 21U);
}

TEST_F(SqliteFaults, TellsAFailingDiskFromAFullOne) {
  break_writes(EIO);
  const auto done = store_->commit(change());
  heal();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Code::kUnavailable);
  EXPECT_NE(done.error().what().find("the disk failed"), std::string_view::npos) << done.error().what();
  expect_unchanged(*store_);
  EXPECT_TRUE(store_->commit(change()).has_value());
}

TEST_F(SqliteFaults, DoesNotBringBackWhatWasWrittenButNotSynced) {
  failing_syncs = 1;
  const auto done = store_->commit(change());
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(failing_syncs, 0);
  EXPECT_EQ(done.error().code(), Code::kUnavailable);
  expect_unchanged(*store_);
  expect_unchanged_after_a_crash();
  EXPECT_TRUE(store_->commit(change()).has_value());
}

TEST_F(SqliteFaults, FailsTheSmallWritesTheSameWay) {
  Batch batch = change();
  ASSERT_TRUE(store_->commit(batch).has_value());
  const Counter counter{"quota", 1, 2};
  const std::string name = "quota";
  ASSERT_TRUE(store_->save_counters({&counter, 1}).has_value());
  break_writes(ENOSPC);
  const std::uint64_t first = 1;
  EXPECT_EQ(store_->forget_outbox({&first, 1}).error().code(), Code::kUnavailable);
  EXPECT_EQ(store_->number_outbox_above(100).error().code(), Code::kUnavailable);
  EXPECT_EQ(store_->save_counters({&counter, 1}).error().code(), Code::kUnavailable);
  EXPECT_EQ(store_->forget_counters({&name, 1}).error().code(), Code::kUnavailable);
  heal();
  EXPECT_EQ(store_->outbox(10)->size(), 1U);
  EXPECT_EQ(*store_->last_outbox(), 1U);
  EXPECT_EQ(store_->counters()->size(), 1U);
  EXPECT_TRUE(store_->forget_outbox({&first, 1}).has_value());
}

TEST_F(SqliteFaults, LeavesNoHalfBackup) {
  break_writes(ENOSPC, 2);
  const auto done = store_->back_up(folder_ / "copy");
  heal();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Code::kUnavailable);
  EXPECT_EQ(done.error().what(), "backing up to " + (folder_ / "copy") + ": store " + file_ +
                                     ": the disk is full; free some space, then try again");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "copy"));
  EXPECT_TRUE(store_->back_up(folder_ / "copy").has_value());
}

TEST_F(SqliteFaults, IsNotOpenedWhereItCannotBeWritten) {
  store_.reset();
  const auto read_only_open = [](const char* path, int flags, int) -> int {
    if ((flags & O_ACCMODE) != O_RDONLY) return errno = EROFS, -1;
    return ::open(path, flags);
  };
  replace("open", reinterpret_cast<sqlite3_syscall_ptr>(+read_only_open));
  const auto store = open_sqlite(file_, {});
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().code(), Code::kUnavailable);
  EXPECT_NE(store.error().what().find("not read-only"), std::string_view::npos) << store.error().what();
}

}  // namespace
}  // namespace claviger::store
