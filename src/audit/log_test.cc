// SPDX-License-Identifier: Apache-2.0
#include "audit/log.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <thread>

#include "audit/event.h"
#include "audit/log_files.h"
#include "audit/testing/sample_log.h"
#include "audit/testing/test_signer.h"
#include "audit/verify.h"

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kPatience = 20s;

template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

class LogTest : public ::testing::Test {
 protected:
  LogOptions options() const {
    return {.directory = directory_.path("audit"), .origin = testing::kSampleOrigin, .stalled_after = 300ms};
  }
  std::unique_ptr<Log> open(const LogOptions& with) {
    auto log = Log::open(with, signer_, clock_);
    if (log.has_value()) return std::move(*log);
    ADD_FAILURE() << log.error().what();
    return nullptr;
  }
  std::unique_ptr<Log> open() { return open(options()); }
  std::string failure_to_open() {
    const auto log = Log::open(options(), signer_, clock_);
    return log.has_value() ? "" : std::string(log.error().what());
  }
  std::string file(const std::string& name) const { return directory_.path("audit") + "/" + name; }
  void expect_verifies(std::uint64_t events) {
    const auto report = verify_log({.directory = directory_.path("audit")});
    ASSERT_TRUE(report.has_value()) << report.error().what();
    EXPECT_EQ(report->events, events);
    EXPECT_EQ(report->beyond_checkpoint, 0U);
  }

  testing::TemporaryDirectory directory_;
  testing::TestSigner signer_;
  SystemClock clock_;
};

TEST_F(LogTest, MakesItsFilesForTheirOwnerAlone) {
  open();
  EXPECT_EQ(fs::status(directory_.path("audit")).permissions(), fs::perms::owner_all);
  for (const std::string& name : {segment_name(0), leaves_name(0), checkpoints_name(0), std::string(kKey)})
    EXPECT_EQ(fs::status(file(name)).permissions(), fs::perms::owner_read | fs::perms::owner_write) << name;
}

TEST_F(LogTest, WhoeverWaitsForTheDiskIsToldLongBeforeTheWindowIsOver) {
  LogOptions strict = options();
  strict.durability = Durability::kStrict;
  strict.window = strict.stalled_after = 1h;
  auto log = open(strict);
  std::atomic<std::uint32_t> told{0};
  Lane& lane = log->make_lane({.on_progress =
                                   [&told] {
                                     told.fetch_add(1);
                                     told.notify_all();
                                   },
                               .for_calls = true});
  for (std::uint64_t i = 1; i <= 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(i % 5));  // asleep, or awake still
    const std::uint32_t before = told.load();
    lane.append(testing::sample_event(i));
    lane.hurry();
    while (lane.synced() < i) told.wait(before);
    EXPECT_EQ(lane.synced(), i);
  }
  // What nobody waits for waits.
  lane.append(testing::sample_event(21));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(lane.synced(), 20U);
}

TEST_F(LogTest, SyncsByItselfWithinTheWindow) {
  auto log = open();
  Lane& lane = log->make_lane();
  EXPECT_TRUE(lane.has_room(clock_.monotonic()));
  lane.append(testing::sample_event(0));
  EXPECT_TRUE(eventually([&] { return lane.synced() == 1; }));
  EXPECT_EQ(log->state().size, 1U);
  EXPECT_EQ(testing::read_file(file(segment_name(0))), testing::sample_event(0) + "\n");
}

TEST_F(LogTest, WritesSyncsAndCheckpointsWhatIsInTheLanesWhenItGoes) {
  {
    auto log = open();
    Lane& first = log->make_lane();
    Lane& second = log->make_lane();
    for (std::uint64_t i = 0; i < 5000; ++i) (i % 2 == 0 ? first : second).append(testing::sample_event(i));
  }
  expect_verifies(5000);
}

TEST_F(LogTest, GoesOnWhereItEndedAndFindsTheOutboxAgain) {
  for (std::uint64_t round = 0; round < 3; ++round) {
    auto log = open();
    EXPECT_EQ(log->state().size, round * 100);
    EXPECT_EQ(log->last_outbox(), round * 100);
    Lane& lane = log->make_lane();
    for (std::uint64_t i = 1; i <= 100; ++i) lane.append(testing::sample_event(i), round * 100 + i);
  }
  expect_verifies(300);
}

TEST_F(LogTest, IsWrittenByOneProcessAtATime) {
  auto log = open();
  EXPECT_NE(failure_to_open().find("in use by another gateway"), std::string::npos) << failure_to_open();
  log.reset();
  EXPECT_EQ(failure_to_open(), "");
}

TEST_F(LogTest, RefusesADirectoryThatOthersMayWriteAndFilesThatAreNone) {
  fs::create_directory(directory_.path("audit"));
  fs::permissions(directory_.path("audit"), fs::perms::all);
  EXPECT_NE(failure_to_open(), "");
  fs::permissions(directory_.path("audit"), fs::perms::owner_all);
  fs::create_symlink(directory_.path("elsewhere"), file(segment_name(0)));
  EXPECT_NE(failure_to_open(), "");
  EXPECT_FALSE(fs::exists(directory_.path("elsewhere")));
  fs::remove(file(segment_name(0)));
  ASSERT_EQ(::mkfifo(file(segment_name(0)).c_str(), 0600), 0);
  EXPECT_NE(failure_to_open().find("not a regular file"), std::string::npos);
}

TEST_F(LogTest, RefusesAnOriginThatIsNoKeyName) {
  LogOptions bad = options();
  bad.origin = "two words";
  EXPECT_EQ(Log::open(bad, signer_, clock_).error().code(), Code::kInvalid);
}

TEST_F(LogTest, TakesEventsOfManyThreadsEachInItsOrder) {
  constexpr std::uint64_t kThreads = 4, kEvents = 20'000;
  LogOptions small = options();
  small.lane_bytes = 256 << 10;  // so that there is no room now and then
  small.stalled_after = 20s;
  small.checkpoint_events = 5000;
  small.window = 10ms;
  std::atomic<std::uint64_t> waits = 0;
  {
    auto log = open(small);
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([this, &waits, thread, &lane = log->make_lane()] {
        for (std::uint64_t i = 0; i < kEvents; ++i) {
          for (; !lane.has_room(clock_.monotonic()); ++waits) std::this_thread::sleep_for(100us);
          lane.append("{\"t" + std::to_string(thread) + "\":" + std::to_string(i) + ",\"x\":\"" +
                      std::string(100, 'x') + "\"}");
        }
      });
    }
    for (int i = 0; i < 50; ++i) (void)log->state(), std::this_thread::yield();
  }
  EXPECT_GT(waits, 0U);
  expect_verifies(kThreads * kEvents);
  std::map<std::string, std::uint64_t> next;
  for (const std::string& line : testing::lines_of(testing::read_file(file(segment_name(0))))) {
    const std::string thread = line.substr(2, 2);
    ASSERT_TRUE(line.starts_with("{\"" + thread + "\":" + std::to_string(next[thread]++) + ",")) << line;
  }
}

// A disk that is full, as the kernel says it: some of a write gets there, and then nothing.
TEST_F(LogTest, WaitsForADiskThatIsFullAndGoesOnByItself) {
  ::signal(SIGXFSZ, SIG_IGN);
  auto log = open();
  Lane& lane = log->make_lane();
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit full = before;
  full.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  for (std::uint64_t i = 0; i < 100; ++i) lane.append(testing::sample_event(i));
  const bool stalls = eventually([&] { return log->state().failing && !lane.has_room(clock_.monotonic()); });
  const LogState state = log->state();
  const auto lines = testing::lines_of(testing::read_file(file(segment_name(0))));
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_TRUE(stalls);
  EXPECT_EQ(state.failure, "cannot write " + file(segment_name(0)) + ": File too large");
  EXPECT_EQ(state.queued, 100U);
  EXPECT_EQ(state.size, 0U);
  EXPECT_GT(state.lag, 0ms);
  EXPECT_TRUE(state.is_stalled);
  EXPECT_TRUE(lines.empty() || lines.back().ends_with('\n'));
  EXPECT_TRUE(eventually(
      [&] { return lane.synced() == 100 && lane.has_room(clock_.monotonic()) && !log->state().failing; }));
  EXPECT_EQ(log->state().lag, 0ms);
  EXPECT_FALSE(log->state().is_stalled);
  log.reset();
  expect_verifies(100);
}

TEST_F(LogTest, DoesNotWriteIntoAFileThatWasRemovedMovedOrChangedUnderIt) {
  auto log = open();
  Lane& lane = log->make_lane();
  lane.append(testing::sample_event(0));
  ASSERT_TRUE(eventually([&] { return lane.synced() == 1; }));
  fs::rename(directory_.path("audit"), directory_.path("elsewhere"));
  lane.append(testing::sample_event(1));
  EXPECT_TRUE(eventually([&] { return log->state().failing; }));
  EXPECT_NE(log->state().failure.find("was removed or replaced"), std::string::npos) << log->state().failure;
  EXPECT_EQ(lane.synced(), 1U);
  fs::rename(directory_.path("elsewhere"), directory_.path("audit"));
  EXPECT_TRUE(eventually([&] { return lane.synced() == 2 && !log->state().failing; }));

  testing::write_file(file(segment_name(0)), testing::read_file(file(segment_name(0))) + "{\"forged\":\"" +
                                                 std::string(200, 'x') + "\"}\n");
  lane.append(testing::sample_event(2));
  EXPECT_TRUE(eventually([&] { return log->state().failing; }));
  EXPECT_NE(log->state().failure.find("was changed by somebody else"), std::string::npos)
      << log->state().failure;
}

// What a kill leaves is what a reader sees at that moment.
TEST_F(LogTest, IsOpenedFromACopyTakenAtAnyMoment) {
  LogOptions quick = options();
  quick.window = 4ms;
  quick.checkpoint_events = 300;
  auto log = open(quick);
  std::jthread producer([&lane = log->make_lane()](const std::stop_token& stop) {
    for (std::uint64_t i = 0; !stop.stop_requested(); ++i) {
      lane.append(testing::sample_event(i));
      if (i % 10 == 0) std::this_thread::sleep_for(1ms);
    }
  });
  const fs::path copy = directory_.path("copy");
  for (int round = 0; round < 15; ++round) {
    std::this_thread::sleep_for(7ms);
    fs::remove_all(copy);
    fs::create_directory(copy);
    fs::permissions(copy, fs::perms::owner_all);
    // Each before the one that it speaks of.
    for (const std::string& name :
         {std::string(kKey), std::string(kState), checkpoints_name(0), leaves_name(0), segment_name(0)})
      if (fs::exists(file(name))) fs::copy_file(file(name), copy / name);
    LogOptions of_copy = quick;
    of_copy.directory = copy.string();
    const auto opened = Log::open(of_copy, signer_, clock_);
    ASSERT_TRUE(opened.has_value()) << opened.error().what();
  }
  EXPECT_GT(log->state().checkpointed, 0U);
  const auto report = verify_log({.directory = copy.string()});
  EXPECT_TRUE(report.has_value()) << report.error().what();
}

}  // namespace
}  // namespace claviger::audit
