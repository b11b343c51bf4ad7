// SPDX-License-Identifier: Apache-2.0
#include "policy/rate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <map>
#include <random>
#include <thread>
#include <vector>

namespace claviger::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Monotonic kStart{std::chrono::hours(100)};
constexpr Rate kTenPerSecond{.calls = 10, .window = seconds(1)};

int take_all(LimitCells& cells, std::uint64_t key, const Rate& rate, Monotonic now) {
  int taken = 0;
  while (cells.take(key, rate, now).allowed) ++taken;
  return taken;
}

TEST(Rate, ReadsEveryUnit) {
  EXPECT_EQ(*parse_rate("10/s"), (Rate{.calls = 10, .window = seconds(1)}));
  EXPECT_EQ(*parse_rate("600/min"), (Rate{.calls = 600, .window = seconds(60)}));
  EXPECT_EQ(*parse_rate("5000/h"), (Rate{.calls = 5000, .window = seconds(3600)}));
  EXPECT_EQ(*parse_rate("1000000/d"), (Rate{.calls = 1'000'000, .window = seconds(86400)}));
}

TEST(Rate, RefusesOtherForms) {
  for (const char* text : {"", "600", "/min", "600/", "0/s", "-1/s", "+1/s", "1.5/s", "600/minute",
                           "600 / min", "1000001/d", "600/MIN", "600/min/s", "99999999999999999999/s"}) {
    const auto rate = parse_rate(text);
    ASSERT_FALSE(rate.has_value()) << text;
    EXPECT_EQ(rate.error().code(), Code::kInvalid);
  }
}

TEST(LimitCells, LetsAWholeWindowComeAtOnceAndNoMore) {
  LimitCells cells(64);
  EXPECT_EQ(take_all(cells, 1, kTenPerSecond, kStart), 10);
  EXPECT_EQ(take_all(cells, 1, kTenPerSecond, kStart), 0);
}

TEST(LimitCells, GivesCallsBackOneByOne) {
  LimitCells cells(64);
  take_all(cells, 1, kTenPerSecond, kStart);
  EXPECT_EQ(take_all(cells, 1, kTenPerSecond, kStart + milliseconds(99)), 0);
  EXPECT_EQ(take_all(cells, 1, kTenPerSecond, kStart + milliseconds(100)), 1);
  EXPECT_EQ(take_all(cells, 1, kTenPerSecond, kStart + milliseconds(450)), 3);
  EXPECT_EQ(take_all(cells, 1, kTenPerSecond, kStart + seconds(100)), 10);
}

TEST(LimitCells, TellsWhatRemainsAndWhenToComeAgain) {
  LimitCells cells(64);
  const Rate rate{.calls = 3, .window = seconds(60)};
  const LimitDecision first = cells.take(1, rate, kStart);
  EXPECT_TRUE(first.allowed);
  EXPECT_EQ(first.remaining, 2u);
  EXPECT_EQ(first.reset_seconds, 20u);
  cells.take(1, rate, kStart);
  const LimitDecision third = cells.take(1, rate, kStart);
  EXPECT_EQ(third.remaining, 0u);
  EXPECT_EQ(third.reset_seconds, 60u);
  const LimitDecision refused = cells.take(1, rate, kStart + milliseconds(500));
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 0u);
  EXPECT_EQ(refused.reset_seconds, 20u);
  EXPECT_TRUE(cells.take(1, rate, kStart + seconds(20)).allowed);
}

TEST(LimitCells, PeekSaysWhatTakeWouldAndTakesNothing) {
  LimitCells cells(64);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(cells.peek(1, kTenPerSecond, kStart).remaining, 9u);
  EXPECT_EQ(take_all(cells, 1, kTenPerSecond, kStart), 10);
  EXPECT_FALSE(cells.peek(1, kTenPerSecond, kStart).allowed);
  EXPECT_TRUE(cells.peek(1, kTenPerSecond, kStart + milliseconds(100)).allowed);
}

TEST(LimitCells, KeepsKeysApart) {
  LimitCells cells(1024);
  take_all(cells, 0x100, kTenPerSecond, kStart);
  EXPECT_EQ(take_all(cells, 0x200, kTenPerSecond, kStart), 10);
}

// Rates whose window the number of calls does not divide.
TEST(LimitCells, NeverGivesMoreThanTheRateSays) {
  for (const Rate& rate :
       {Rate{.calls = 7, .window = seconds(1)}, Rate{.calls = 999'999, .window = seconds(1)},
        Rate{.calls = 1'000'000, .window = seconds(86400)}}) {
    LimitCells cells(64);
    EXPECT_EQ(take_all(cells, 1, rate, kStart), static_cast<int>(rate.calls));
  }
}

// Nor over time: rounding must not add up to more calls than there are in a window.
TEST(LimitCells, NeverGivesBackMoreThanTheRateSays) {
  LimitCells cells(64);
  const Rate rate{.calls = 999'999, .window = seconds(1)};
  take_all(cells, 1, rate, kStart);
  int taken = 0;
  for (int i = 1; i <= 100; ++i) taken += take_all(cells, 1, rate, kStart + milliseconds(10 * i));
  EXPECT_LE(taken, 999'999);
  EXPECT_GT(taken, 998'000);
}

// One group of eight cells, sixteen keys: those that find no cell share one and may be refused early.
TEST(LimitCells, BitesEarlyButNeverLateWhenFull) {
  LimitCells cells(8);
  int total = 0;
  for (std::uint64_t key = 0; key < 16; ++key) {
    const int taken = take_all(cells, key << 32, kTenPerSecond, kStart);
    EXPECT_LE(taken, 10);
    total += taken;
  }
  EXPECT_EQ(total, 80);
}

// Keys of one group, their home the first cell.
constexpr std::uint64_t crowded(std::uint64_t number) { return number << 40; }

// A key that had to share must not start afresh when a cell falls free.
TEST(LimitCells, RemembersWhatAKeyTookWhileItShared) {
  LimitCells cells(8);
  const Rate slow{.calls = 10, .window = seconds(100)};
  EXPECT_TRUE(cells.take(crowded(1), slow, kStart).allowed);  // in the first cell, for long
  for (std::uint64_t key = 2; key <= 8; ++key)
    EXPECT_TRUE(cells.take(crowded(key), kTenPerSecond, kStart).allowed);
  EXPECT_EQ(take_all(cells, crowded(9), slow, kStart), 9);
  const Monotonic later = kStart + seconds(10);  // seven cells are free again, and one call is back
  EXPECT_EQ(cells.peek(crowded(9), slow, later).remaining, 0u);
  EXPECT_EQ(take_all(cells, crowded(9), slow, later), 1);
  EXPECT_EQ(take_all(cells, crowded(9), slow, later), 0);
}

// A key that was counted in a shared cell must not start afresh when a cell falls free: random traffic
// over one crowded group, each key held against an exact count of its own.
TEST(LimitCells, NeverGivesMoreToAnyKeyHoweverCrowded) {
  std::mt19937 random(11);  // a fixed seed
  LimitCells cells(8);
  std::map<std::uint64_t, std::vector<std::int64_t>> times;  // of calls let through, in milliseconds
  std::int64_t now = 0;
  int refused = 0;
  for (int i = 0; i < 40000; ++i) {
    now += static_cast<std::int64_t>(random() % 8);
    const std::uint64_t number = random() % 12;
    const Rate rate{.calls = 2 + static_cast<std::uint32_t>(number % 3) * 4, .window = seconds(1)};
    const auto decision = cells.take(number << 32, rate, kStart + milliseconds(now));
    if (!decision.allowed) {
      ++refused;
      continue;
    }
    // GCRA over the exact history: never more than `calls` + elapsed / interval in any span.
    auto& past = times[number];
    past.push_back(now);
    const auto calls = static_cast<std::int64_t>(rate.calls);
    for (std::size_t from = past.size() > 30 ? past.size() - 30 : 0; from < past.size(); ++from) {
      const auto let_through = static_cast<std::int64_t>(past.size() - from);
      ASSERT_LE(let_through, calls + (now - past[from]) * calls / 1000) << "key " << number << " at " << now;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(LimitCells, CountsExactlyAcrossThreads) {
  LimitCells cells(8);
  const Rate rate{.calls = 1000, .window = seconds(86400)};
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 4000; ++i) {
        if (cells.take(static_cast<std::uint64_t>(i % 4) << 32, rate, kStart).allowed) ++taken;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), 4000);
}

// New keys each round, over cells whose time has passed: all threads want a cell for the same key at once.
TEST(LimitCells, GivesNoKeyTwoCellsAcrossThreads) {
  constexpr std::size_t kKeys = 256;
  constexpr int kRounds = 60;
  constexpr int kThreads = 4;
  LimitCells cells(kKeys * 4);
  const Rate once{.calls = 1, .window = seconds(1)};
  std::vector<std::atomic<int>> taken(kKeys * kRounds);
  std::barrier together(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (std::size_t round = 0; round < kRounds; ++round) {
        together.arrive_and_wait();
        const Monotonic now = kStart + seconds(10 * round);
        for (std::size_t i = 0; i < kKeys; ++i) {
          const std::uint64_t key = (round * kKeys + i + 1) * 0x9E3779B97F4A7C15;
          if (cells.take(key, once, now).allowed) ++taken[round * kKeys + i];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& count : taken) ASSERT_LE(count.load(), 1);
}

TEST(LimitKeys, AreTheSameWithinAndDifferBetweenInstances) {
  const LimitKeys keys;
  const LimitKeys others;
  EXPECT_EQ(keys.of(1, "10.0.0.1"), keys.of(1, "10.0.0.1"));
  EXPECT_NE(keys.of(1, "10.0.0.1"), keys.of(2, "10.0.0.1"));
  EXPECT_NE(keys.of(1, "10.0.0.1"), others.of(1, "10.0.0.1"));
  EXPECT_EQ(keys.of(1, 2, 3), keys.of(1, 2, 3));
  EXPECT_NE(keys.of(1, 2, 3), keys.of(1, 3, 2));
}

}  // namespace
}  // namespace claviger::policy
