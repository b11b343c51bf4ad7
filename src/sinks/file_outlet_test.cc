// SPDX-License-Identifier: Apache-2.0
#include "sinks/file_outlet.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>

#include "sinks/testing/stand.h"

namespace claviger::sinks {
namespace {

namespace fs = std::filesystem;
using audit::testing::read_file;
using audit::testing::write_file;

class FileSink : public ::testing::Test {
 protected:
  Result<void> deliver(FileOutlet& outlet, std::string_view records) {
    return stand_.loop.finish(outlet.deliver(records));
  }

  testing::Stand stand_;
  const std::string path_ = stand_.directory.path("copy.jsonl");
  FileOutlet outlet_{"claviger/test", path_};
};

TEST_F(FileSink, IsMadeForItsOwnerAlone) {
  ASSERT_TRUE(deliver(outlet_, "a\n").has_value());
  ASSERT_TRUE(deliver(outlet_, "b\n").has_value());
  EXPECT_EQ(read_file(path_), "a\nb\n");
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_TRUE(outlet_.make_durable().has_value());
}

TEST_F(FileSink, IsFollowedWhenItIsRotatedAway) {
  ASSERT_TRUE(deliver(outlet_, "a\n").has_value());
  fs::rename(path_, path_ + ".1");
  ASSERT_TRUE(deliver(outlet_, "b\n").has_value());
  fs::remove(path_);
  ASSERT_TRUE(deliver(outlet_, "c\n").has_value());
  EXPECT_EQ(read_file(path_ + ".1"), "a\n");
  EXPECT_EQ(read_file(path_), "c\n");
}

TEST_F(FileSink, IsOpenedAnewWhenThatIsAskedFor) {
  ASSERT_TRUE(deliver(outlet_, "a\n").has_value());
  outlet_.reopen();
  ASSERT_TRUE(deliver(outlet_, "b\n").has_value());
  EXPECT_EQ(read_file(path_), "a\nb\n");
}

TEST_F(FileSink, LosesALineThatACrashTore) {
  write_file(path_, "{\"id\":\"claviger/test/0\"}\n{\"id\":\"clav");
  ASSERT_TRUE(deliver(outlet_, "{\"id\":\"claviger/test/1\"}\n").has_value());
  EXPECT_EQ(read_file(path_), "{\"id\":\"claviger/test/0\"}\n{\"id\":\"claviger/test/1\"}\n");
}

TEST_F(FileSink, TouchesNothingThatIsNoCopyOfALog) {
  for (const std::string& text :
       {std::string("root:x:0:0"), std::string("good line\nprecious"), std::string(100'000, 'x')}) {
    write_file(path_, text);
    FileOutlet outlet("claviger/test", path_);
    EXPECT_FALSE(deliver(outlet, "a\n").has_value());
    EXPECT_EQ(read_file(path_), text);
  }
}

TEST_F(FileSink, WaitsForNoFifo) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(deliver(outlet_, "a\n").has_value());
}

TEST_F(FileSink, CutsOffWhatAFullDiskTookOfABatch) {
  ASSERT_TRUE(deliver(outlet_, "a\n").has_value());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{10, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto done = deliver(outlet_, "a batch that is longer than that\n");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(done.has_value());
  EXPECT_EQ(read_file(path_), "a\n");
  ASSERT_TRUE(deliver(outlet_, "b\n").has_value());
  EXPECT_EQ(read_file(path_), "a\nb\n");
}

}  // namespace
}  // namespace claviger::sinks
