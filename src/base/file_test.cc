// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <thread>

namespace claviger::base {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(Descriptor, ClosesOnceAndLeavesErrnoAlone) {
  int number = -1;
  {
    Descriptor first("/dev/null", O_RDONLY);
    number = first.number();
    EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
    const Descriptor second(std::move(first));
    EXPECT_FALSE(first.is_open());  // NOLINT(bugprone-use-after-move): that it lets go is what is asked
    EXPECT_EQ(second.number(), number);
    errno = ENOSPC;
  }
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, SaysWhyAFileCannotBeOpened) {
  const Descriptor none("/nowhere/at/all", O_RDONLY);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_FALSE(none.is_open());
}

TEST(ReadAll, ReadsAsMuchAsThereMayBeAndNoMore) {
  const std::string sent(std::size_t{40'000}, 'x');  // more than one piece, and less than a pipe holds
  for (const std::size_t most : {sent.size() + 1, sent.size(), sent.size() - 1, std::size_t{0}}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const Descriptor far(ends[0]);
    {
      const Descriptor near(ends[1]);
      ASSERT_TRUE(write_all(near.number(), sent));
    }
    std::string into = "what was there";
    errno = 0;
    const bool is_all = read_all(far.number(), most, into);
    EXPECT_EQ(is_all, most >= sent.size()) << most;
    if (is_all) EXPECT_EQ(into, sent);
    else EXPECT_EQ(errno, EFBIG) << most;
  }
}

TEST(ReadAll, ReadsNothingFromWhatIsEmpty) {
  const Descriptor empty("/dev/null", O_RDONLY);
  std::string into = "what was there";
  EXPECT_TRUE(read_all(empty.number(), 0, into));
  EXPECT_EQ(into, "");
}

// What has no end is not read to it.
TEST(ReadAll, DoesNotReadOnForEver) {
  const Descriptor endless("/dev/zero", O_RDONLY);
  std::string into;
  EXPECT_FALSE(read_all(endless.number(), 1000, into));
  EXPECT_EQ(errno, EFBIG);
}

TEST(ReadAll, SaysWhatTheSystemSaid) {
  const Descriptor directory("/", O_RDONLY);
  std::string into;
  EXPECT_FALSE(read_all(directory.number(), 1000, into));
  EXPECT_EQ(errno, EISDIR);
}

// A pipe is full after 64 KiB: write(2) then waits, and a signal ends it, with a part of the bytes written or none.
TEST(WriteAll, GoesOnWhenSignalsComeInBetween) {
  struct sigaction quiet{}, before{};
  quiet.sa_handler = [](int) {};  // and no SA_RESTART
  ASSERT_EQ(::sigaction(SIGUSR1, &quiet, &before), 0);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor far(ends[0]);
  Descriptor near(ends[1]);

  const std::string sent(std::size_t{1} << 20, 'x');
  std::atomic<bool> wrote_all{false};
  std::thread writer([&] {
    wrote_all = write_all(near.number(), sent);
    near = Descriptor();
  });
  std::size_t received = 0;
  std::array<char, 4096> piece{};
  for (ssize_t got = 1; got > 0;) {
    for (int i = 0; i < 20; ++i) {
      ::pthread_kill(writer.native_handle(), SIGUSR1);
      ::sched_yield();
    }
    got = ::read(far.number(), piece.data(), piece.size());
    received += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  writer.join();
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_TRUE(wrote_all);
  EXPECT_EQ(received, sent.size());
}

TEST(WriteAll, SaysWhatTheSystemSaid) {
  const Descriptor full("/dev/full", O_WRONLY);
  EXPECT_FALSE(write_all(full.number(), "x"));
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_TRUE(write_all(full.number(), ""));
}

TEST(DirectoryOf, IsWhereAFileLies) {
  EXPECT_EQ(directory_of("file"), ".");
  EXPECT_EQ(directory_of("/file"), "/");
  EXPECT_EQ(directory_of("a/b/file"), "a/b");
}

TEST(SyncDirectoryOf, NeedsTheDirectoryToBeThere) {
  EXPECT_TRUE(sync_directory_of("/tmp/file-that-need-not-be-there"));
  EXPECT_FALSE(sync_directory_of("/nowhere/file"));
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace claviger::base
