// SPDX-License-Identifier: Apache-2.0
#include "server/data_dir_lock.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

namespace claviger::server {
namespace {

namespace fs = std::filesystem;

struct DataDirLockTest : ::testing::Test {
  DataDirLockTest() {
    std::string name = "/tmp/claviger-lock-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~DataDirLockTest() override { fs::remove_all(path); }
  std::string text() const {
    std::ifstream in(path + "/lock");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string path;
};

TEST_F(DataDirLockTest, TheHolderIsNamedInAFileThatNobodyElseReads) {
  const auto lock = DataDirLock::take(path);
  ASSERT_TRUE(lock.has_value()) << lock.error().what();
  EXPECT_EQ(text(), std::to_string(::getpid()) + "\n");
  struct stat info{};
  ASSERT_EQ(::stat((path + "/lock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(DataDirLockTest, ASecondHolderIsRefusedAndToldWhoHasItAndWhatToDo) {
  const auto first = DataDirLock::take(path);
  ASSERT_TRUE(first.has_value());
  const auto second = DataDirLock::take(path);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Code::kConflict);
  EXPECT_EQ(second.error().what(), "another gateway (pid " + std::to_string(::getpid()) + ") is using " +
                                       path + ": stop it, or give this one a data_dir of its own");
  EXPECT_EQ(text(), std::to_string(::getpid()) + "\n");  // and left as it was
}

TEST_F(DataDirLockTest, IsFreeOnceItsHolderLetsGo) {
  {
    ASSERT_TRUE(DataDirLock::take(path).has_value());
  }
  auto first = DataDirLock::take(path);
  ASSERT_TRUE(first.has_value());
  {
    const DataDirLock moved = *std::move(first);
    EXPECT_FALSE(DataDirLock::take(path).has_value());
  }
  EXPECT_TRUE(DataDirLock::take(path).has_value());
}

TEST_F(DataDirLockTest, IsFreeOnceItsHolderWasKilled) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = DataDirLock::take(path);
    if (lock.has_value()) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(text(), std::to_string(child) + "\n");
  ASSERT_TRUE(DataDirLock::take(path).has_value());
  EXPECT_EQ(text(), std::to_string(::getpid()) + "\n");
}

TEST_F(DataDirLockTest, AProgramThatIsStartedMeanwhileDoesNotKeepIt) {
  std::optional<DataDirLock> lock = *DataDirLock::take(path);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/sleep", "sleep", "60", nullptr);
    ::_exit(1);
  }
  const std::string comm = "/proc/" + std::to_string(child) + "/comm";
  std::string name;
  while (name != "sleep") {
    std::ifstream in(comm);
    std::getline(in, name);
  }
  lock.reset();
  EXPECT_TRUE(DataDirLock::take(path).has_value());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_F(DataDirLockTest, WhatIsNoPidInTheFileIsNotRepeated) {
  std::ofstream(path + "/lock") << "12\n\x1b[31mrm -rf /";
  const auto lock = DataDirLock::take(path);
  ASSERT_TRUE(lock.has_value());
  std::ofstream(path + "/lock") << "12\n\x1b[31mrm -rf /";
  const auto second = DataDirLock::take(path);
  ASSERT_FALSE(second.has_value());
  EXPECT_TRUE(second.error().what().starts_with("another gateway is using /tmp/")) << second.error().what();
}

TEST_F(DataDirLockTest, DoesNotFollowALinkOrWaitForAPipe) {
  fs::create_symlink(path + "/elsewhere", path + "/lock");
  EXPECT_FALSE(DataDirLock::take(path).has_value());
  EXPECT_FALSE(fs::exists(path + "/elsewhere"));
  fs::remove(path + "/lock");
  ASSERT_EQ(::mkfifo((path + "/lock").c_str(), 0600), 0);
  const auto refused = DataDirLock::take(path);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().what().find("not a plain file"), std::string_view::npos);
}

TEST_F(DataDirLockTest, SaysSoWhenThereIsNoSuchDirectory) {
  const auto refused = DataDirLock::take(path + "/none");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().what(), "locking " + path + "/none: No such file or directory");
}

}  // namespace
}  // namespace claviger::server
