// SPDX-License-Identifier: Apache-2.0
#include "audit/lane_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/testing/fake_clock.h"
#include "crypto/merkle.h"

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;

class LaneQueueTest : public ::testing::Test {
 protected:
  std::string take_all() {
    std::string text;
    while (const auto piece = lane_.take(SIZE_MAX)) {
      text += piece->text;
      pieces_.push_back(*piece);
    }
    return text;
  }
  void make_durable() {
    for (const auto& piece : pieces_) lane_.durable(piece);
    pieces_.clear();
  }

  base::testing::FakeClock clock_;
  Pressure pressure_{clock_, 1000ms};
  LaneQueue lane_{pressure_, 4 << 20};
  std::vector<LaneQueue::Piece> pieces_;
};

TEST_F(LaneQueueTest, GivesOutWhatWasPutInLineByLineWithItsMark) {
  lane_.append(R"({"a":1})");
  lane_.append(R"({"b":2})", 7);
  const auto piece = lane_.take(SIZE_MAX);
  ASSERT_TRUE(piece.has_value());
  EXPECT_EQ(piece->text, "{\"a\":1}\n{\"b\":2,\"outbox\":7}\n");
  ASSERT_EQ(piece->events, 2U);
  EXPECT_EQ(piece->line(0), R"({"a":1})");
  EXPECT_EQ(piece->line(1), R"({"b":2,"outbox":7})");
  EXPECT_EQ(piece->outbox(0), 0U);
  EXPECT_EQ(piece->outbox(1), 7U);
  EXPECT_FALSE(lane_.take(SIZE_MAX).has_value());
  EXPECT_EQ(lane_.synced(), 0U);
  lane_.durable(*piece);
  EXPECT_EQ(lane_.synced(), 2U);
}

TEST_F(LaneQueueTest, KeepsOrderOverManyChunksAndTakesUpTheirMemoryAgain) {
  for (int round = 0; round < 5; ++round) {
    std::string expected;
    for (int i = 0; i < 3000; ++i) {
      const std::string event =
          R"({"n":")" + std::string(static_cast<std::size_t>(i % 700), 'x') + std::to_string(i) + "\"}";
      lane_.append(event);
      expected += event + "\n";
      if (i % 500 == 0) take_all().swap(expected), expected.clear();
    }
    EXPECT_EQ(take_all(), expected);
    make_durable();
    EXPECT_EQ(lane_.appended(), lane_.synced());
    lane_.trim();
  }
}

TEST_F(LaneQueueTest, HoldsTheLongestEvent) {
  const std::string event = R"({"n":")" + std::string(Lane::kMaxEvent - 8, 'x') + "\"}";
  ASSERT_EQ(event.size(), Lane::kMaxEvent);
  for (int i = 0; i < 100; ++i) lane_.append(event, UINT64_MAX);
  const std::string text = take_all();
  EXPECT_EQ(text.size(), 100 * (event.size() + sizeof(R"(,"outbox":)") - 1 + 20 + 1));
}

TEST_F(LaneQueueTest, HasNoRoomAtItsLimitUntilWhatLiesInItIsDurable) {
  const std::string event = R"({"n":")" + std::string(8000, 'x') + "\"}";
  std::size_t count = 0;
  for (; lane_.has_room(clock_.monotonic()); ++count) lane_.append(event);
  EXPECT_EQ(count, (4U << 20) / (event.size() + 1) + 1);
  lane_.append(event);  // what is under way still gets in
  take_all();
  EXPECT_FALSE(lane_.has_room(clock_.monotonic()));
  make_durable();
  EXPECT_TRUE(lane_.has_room(clock_.monotonic()));
}

TEST_F(LaneQueueTest, HasNoRoomWhenSomethingWaitsForTooLong) {
  pressure_.waits();
  clock_.advance(1000ms);
  EXPECT_TRUE(lane_.has_room(clock_.monotonic()));
  pressure_.waits();  // does not begin anew
  clock_.advance(1ms);
  EXPECT_FALSE(lane_.has_room(clock_.monotonic()));
  EXPECT_EQ(pressure_.lag(), 1001ms);
  pressure_.settled();
  EXPECT_TRUE(lane_.has_room(clock_.monotonic()));
  EXPECT_EQ(pressure_.lag(), 0ms);
}

TEST_F(LaneQueueTest, StopsTheProcessRatherThanTakeInWhatIsNoLine) {
  EXPECT_DEATH(lane_.append("{\"a\":\"\n\"}"), "is_line");
  EXPECT_DEATH(lane_.append("{}"), "is_line");
}

TEST_F(LaneQueueTest, PassesEventsBetweenTwoThreads) {
  constexpr std::uint64_t kEvents = 50'000;
  std::jthread producer([&] {
    for (std::uint64_t i = 0; i < kEvents; ++i)
      lane_.append("{\"n\":\"" + std::string(i % 97, 'x') + std::to_string(i) + "\"}");
  });
  std::uint64_t next = 0;
  while (next < kEvents) {
    const auto piece = lane_.take(4096);
    if (!piece) {
      std::this_thread::yield();
      continue;
    }
    std::string_view text = piece->text;
    for (std::uint32_t i = 0; i < piece->events; ++i, ++next) {
      const std::string_view line = text.substr(0, text.find('\n'));
      ASSERT_EQ(line, "{\"n\":\"" + std::string(next % 97, 'x') + std::to_string(next) + "\"}");
      ASSERT_EQ(piece->line(i), line);
      text.remove_prefix(line.size() + 1);
    }
    lane_.durable(*piece);
    if (next % 1000 == 0) lane_.trim();
  }
}

// --- Those that wait for the disk ----------------------------------------------------------------

class HurriedLaneTest : public LaneQueueTest {
 protected:
  void sync() {
    take_all();
    make_durable();
    hurried_.tell();
  }
  std::string take_all() {
    while (const auto piece = hurried_.take(SIZE_MAX)) pieces_.push_back(*piece);
    return {};
  }
  void make_durable() {
    for (const auto& piece : pieces_) hurried_.durable(piece);
    pieces_.clear();
  }

  int told_ = 0;
  WriterBell bell_;
  LaneQueue hurried_{pressure_, 4 << 20, {.on_progress = [this] { ++told_; }}, &bell_};
};

TEST_F(HurriedLaneTest, NobodyIsToldUnlessSomebodyWaits) {
  hurried_.append(R"({"a":1})");
  EXPECT_FALSE(hurried_.is_hurried());
  sync();
  EXPECT_EQ(told_, 0);
}

TEST_F(HurriedLaneTest, WhoWaitsWakesTheWriterAndIsToldOnceForAll) {
  hurried_.append(R"({"a":1})");
  hurried_.hurry();
  hurried_.append(R"({"a":2})");
  hurried_.hurry();
  EXPECT_TRUE(hurried_.is_hurried());
  EXPECT_TRUE(bell_.sleep(1h));
  sync();
  EXPECT_EQ(told_, 1);
  EXPECT_FALSE(hurried_.is_hurried());
  hurried_.append(R"({"a":3})");
  sync();
  EXPECT_EQ(told_, 1);
}

TEST_F(HurriedLaneTest, WhoWaitsIsToldThatTheDiskFailsAndThatItWorksAgain) {
  hurried_.append(R"({"a":1})");
  hurried_.hurry();
  EXPECT_FALSE(hurried_.is_failing());
  pressure_.set_failing(true);
  hurried_.tell();
  EXPECT_TRUE(hurried_.is_failing());
  EXPECT_EQ(told_, 1);
  pressure_.set_failing(false);
  hurried_.tell();
  EXPECT_EQ(told_, 2);
  sync();
  EXPECT_EQ(told_, 3);
  EXPECT_EQ(hurried_.synced(), 1U);
}

TEST_F(HurriedLaneTest, MarksOfCallsAndPlacesOfLinesComeWithTheEvents) {
  hurried_.append(R"({"a":1})");
  hurried_.append(R"({"a":22})", 0, {7, CallMark::Kind::kStarted});
  hurried_.append(R"({"a":1})", 0, {7, CallMark::Kind::kFinished});
  const auto piece = hurried_.take(SIZE_MAX);
  ASSERT_TRUE(piece.has_value());
  EXPECT_EQ(piece->mark(0).kind, CallMark::Kind::kNone);
  EXPECT_EQ(piece->mark(1).kind, CallMark::Kind::kStarted);
  EXPECT_EQ(piece->mark(1).id, 7U);
  EXPECT_EQ(piece->mark(2).kind, CallMark::Kind::kFinished);
  EXPECT_EQ(piece->begin(0), 0U);
  EXPECT_EQ(piece->begin(1), 8U);
  EXPECT_EQ(piece->begin(2), 17U);
  hurried_.append(R"({"a":4})");
  const auto next = hurried_.take(SIZE_MAX);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->begin(0), 0U);
}

// Whichever of the two comes first, one sees what the other did.
TEST_F(HurriedLaneTest, NoNewsAreMissed) {
  constexpr std::uint64_t kRounds = 5'000;
  std::atomic<std::uint64_t> told{0};
  LaneQueue lane(pressure_, 4 << 20, {.on_progress = [&told] { told.fetch_add(1); }}, &bell_);
  std::jthread writer([&lane](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      while (const auto piece = lane.take(SIZE_MAX)) lane.durable(*piece);
      lane.tell();
    }
  });
  const auto patience = std::chrono::steady_clock::now() + 60s;
  for (std::uint64_t i = 1; i <= kRounds; ++i) {
    lane.append(R"({"a":1})");
    const std::uint64_t before = told.load();
    lane.hurry();
    if (lane.synced() >= i) continue;
    while (told.load() == before) ASSERT_LT(std::chrono::steady_clock::now(), patience) << i;
  }
}

}  // namespace
}  // namespace claviger::audit
