// SPDX-License-Identifier: Apache-2.0
#include "sinks/file_outlet.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>

#include "base/check.h"
#include "sinks/testing/stand.h"

namespace claviger::sinks {
namespace {

namespace fs = std::filesystem;
using audit::testing::read_file;
using audit::testing::write_file;

// Writes end at so many bytes, as on a full disk.
class SmallFiles {
 public:
  explicit SmallFiles(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    CLV_CHECK(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit small{bytes, before_.rlim_max};
    CLV_CHECK(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  }
  ~SmallFiles() { CLV_CHECK(::setrlimit(RLIMIT_FSIZE, &before_) == 0); }
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;

 private:
  rlimit before_{};
};

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

// What `path` is open as in this process.
int descriptor_of(const std::string& path) {
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code none;
    if (fs::read_symlink(entry.path(), none) == path) return std::stoi(entry.path().filename());
  }
  return -1;
}

TEST_F(FileSink, SaysOfAFileThatWasRotatedAwayAndDidNotGetToTheDiskThatItIsNotDurable) {
  ASSERT_TRUE(deliver(outlet_, "a\n").has_value());
  const int own = descriptor_of(fs::canonical(path_));
  ASSERT_GE(own, 0);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const base::Descriptor reads(pipe[0]), writes(pipe[1]);
  ASSERT_EQ(::dup2(writes.number(), own),
            own);  // another file than that under the name, and one that cannot be synced
  EXPECT_FALSE(deliver(outlet_, "b\n").has_value());
  ASSERT_TRUE(deliver(outlet_, "b\n").has_value());
  EXPECT_FALSE(outlet_.make_durable().has_value());
  EXPECT_TRUE(outlet_.make_durable().has_value());  // it was said, and what follows is another matter
}

TEST_F(FileSink, SaysSoOfAFileThatItLetGoOfSinceALineWasTornInIt) {
  const base::Descriptor memory(::memfd_create("any", MFD_ALLOW_SEALING | MFD_CLOEXEC));
  fs::create_symlink("/proc/self/fd/" + std::to_string(memory.number()), path_);
  ASSERT_TRUE(deliver(outlet_, "a\n").has_value());
  ASSERT_EQ(::fcntl(memory.number(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  {
    const SmallFiles small(10);
    EXPECT_FALSE(deliver(outlet_, "a batch that is longer than that\n").has_value());
  }
  EXPECT_FALSE(outlet_.make_durable().has_value());
  EXPECT_TRUE(outlet_.make_durable().has_value());
}

TEST_F(FileSink, CutsOffWhatAFullDiskTookOfABatch) {
  ASSERT_TRUE(deliver(outlet_, "a\n").has_value());
  {
    const SmallFiles small(10);
    EXPECT_FALSE(deliver(outlet_, "a batch that is longer than that\n").has_value());
  }
  EXPECT_EQ(read_file(path_), "a\n");
  ASSERT_TRUE(deliver(outlet_, "b\n").has_value());
  EXPECT_EQ(read_file(path_), "a\nb\n");
}

}  // namespace
}  // namespace claviger::sinks
