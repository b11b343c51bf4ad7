// SPDX-License-Identifier: Apache-2.0
#include "policy/quota.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace claviger::policy {
namespace {

using Kind = QuotaDecision::Kind;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Quota kDaily{1000, hours(24)};
constexpr WallTime kMidnight{std::chrono::sys_days(std::chrono::year(2026) / 6 / 1)};
constexpr std::uint64_t kKey = 0x1234'5678'9abc'def0;

std::int64_t seconds_of(WallTime time) {
  return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
}

QuotaCells::Lease lease(std::uint32_t left, std::uint64_t beyond, WallTime window = kMidnight) {
  return {seconds_of(window), kDaily.calls, beyond, left};
}

TEST(QuotaWindow, BeginsAtMultiplesSince1970) {
  EXPECT_EQ(window_start(kDaily, kMidnight + hours(23)), seconds_of(kMidnight));
  EXPECT_EQ(window_start(kDaily, kMidnight - std::chrono::microseconds(1)),
            seconds_of(kMidnight - hours(24)));
  EXPECT_EQ(window_start({10, hours(1)}, kMidnight + minutes(119)), seconds_of(kMidnight + hours(1)));
  EXPECT_EQ(window_start(kDaily, WallTime{} - hours(1)), 0);  // a clock that was never set
}

TEST(QuotaWindow, EndsAtTheNextMultiple) {
  const std::int64_t start = seconds_of(kMidnight);
  EXPECT_EQ(window_end(kDaily, start), seconds_of(kMidnight + hours(24)));
  EXPECT_EQ(window_end(kDaily, start + 3600), seconds_of(kMidnight + hours(24)));
}

TEST(QuotaBlock, IsAHundredthWithinReason) {
  EXPECT_EQ(lease_block({1, hours(1)}), 1U);
  EXPECT_EQ(lease_block({199, hours(1)}), 1U);
  EXPECT_EQ(lease_block({5000, hours(1)}), 50U);
  EXPECT_EQ(lease_block({1'000'000'000, hours(1)}), 10'000U);
}

struct QuotaCellsTest : ::testing::Test {
  QuotaCells cells{64};
  QuotaDecision take(WallTime now = kMidnight + hours(1), const Quota& quota = kDaily) {
    return cells.take(kKey, quota, now);
  }
  QuotaCells::Cell& opened(const QuotaCells::Lease& with) {
    QuotaCells::Cell& cell = *cells.add(kKey);
    cells.open(cell, with);
    return cell;
  }
};

TEST_F(QuotaCellsTest, NothingIsTakenWithoutALease) {
  EXPECT_EQ(take().kind, Kind::kNeedsLease);
  QuotaCells::Cell* cell = cells.add(kKey);
  EXPECT_EQ(take().kind, Kind::kNeedsLease);
  cells.open(*cell, lease(1, 999));
  EXPECT_EQ(take().kind, Kind::kTaken);
  EXPECT_EQ(take().kind, Kind::kNeedsLease);
}

TEST_F(QuotaCellsTest, SaysWhatRemainsAndWhenTheWindowEnds) {
  opened(lease(10, 90));
  const QuotaDecision decision = take(kMidnight + hours(23));
  EXPECT_EQ(decision.remaining, 99U);
  EXPECT_EQ(decision.reset_seconds, 3600U);
}

TEST_F(QuotaCellsTest, IsExhaustedWhenTheQuotaHasNothingBeyondTheLease) {
  opened(lease(1, 0));
  EXPECT_EQ(take().kind, Kind::kTaken);
  const QuotaDecision decision = take(kMidnight + hours(24) - std::chrono::microseconds(1));
  EXPECT_EQ(decision.kind, Kind::kExhausted);
  EXPECT_EQ(decision.reset_seconds, 1U);
}

TEST_F(QuotaCellsTest, OneCallOfABlockAsksForTheNext) {
  opened(lease(20, 500));  // blocks are of 10
  int asked = 0;
  for (int i = 0; i < 20; ++i) asked += take().ask_now ? 1 : 0;
  EXPECT_EQ(asked, 1);
}

TEST_F(QuotaCellsTest, NobodyAsksForMoreThanTheQuota) {
  opened(lease(20, 0));
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(take().ask_now);
}

TEST_F(QuotaCellsTest, ALeaseIsOfItsWindowAlone) {
  opened(lease(10, 0));
  EXPECT_EQ(take(kMidnight + hours(24)).kind, Kind::kNeedsLease);
}

TEST_F(QuotaCellsTest, AClockThatIsSetBackCountsInTheNewestWindow) {
  opened(lease(1, 0));
  const QuotaDecision decision = take(kMidnight - hours(30));
  EXPECT_EQ(decision.kind, Kind::kTaken);
  EXPECT_EQ(decision.reset_seconds, 54U * 3600);
  EXPECT_EQ(take(kMidnight - hours(30)).kind, Kind::kExhausted);
}

TEST_F(QuotaCellsTest, AnotherQuotaNeedsALeaseOfItsOwn) {
  opened(lease(10, 0));
  EXPECT_EQ(take(kMidnight, {5, hours(24)}).kind, Kind::kNeedsLease);
}

TEST_F(QuotaCellsTest, ClosingTellsWhatWasLeft) {
  QuotaCells::Cell& cell = opened(lease(10, 0));
  take();
  EXPECT_EQ(cells.close(cell), 9U);
  EXPECT_EQ(cells.close(cell), 0U);
  EXPECT_EQ(take().kind, Kind::kNeedsLease);
}

TEST_F(QuotaCellsTest, ThereAreNoMoreThanAskedForAndDroppedOnesAreUsedAgain) {
  std::vector<QuotaCells::Cell*> made;
  for (std::uint64_t key = 1; key <= 64; ++key) made.push_back(cells.add(key));
  EXPECT_EQ(cells.add(99), nullptr);
  for (std::size_t i = 0; i < made.size(); i += 2) cells.drop(*made[i]);
  EXPECT_EQ(cells.size(), 32U);
  for (std::uint64_t key = 101; key <= 132; ++key) {
    QuotaCells::Cell* cell = cells.add(key);
    ASSERT_NE(cell, nullptr);
    cells.open(*cell, lease(1, 0));
  }
  for (std::uint64_t key = 2; key <= 64; key += 2) cells.open(*made[key - 1], lease(1, 0));
  for (std::uint64_t key = 1; key <= 132; ++key) {
    const bool is_there = key > 100 || (key <= 64 && key % 2 == 0);
    EXPECT_EQ(cells.take(key, kDaily, kMidnight).kind, is_there ? Kind::kTaken : Kind::kNeedsLease) << key;
  }
}

// Workers take while control closes, opens, drops and adds: every call that was taken was one that was open, of the
// key and the quota that it was taken for.
TEST(QuotaCellsThreads, NeverGiveMoreThanWasOpened) {
  constexpr std::size_t kKeys = 4;
  constexpr int kRounds = 20'000;
  QuotaCells cells(kKeys / 2);  // so that keys take turns with the same cells
  std::array<std::atomic<std::uint64_t>, kKeys> taken{};
  std::array<std::uint64_t, kKeys> opened{}, returned{};
  std::atomic<bool> stop{false};
  std::vector<std::thread> workers;
  for (int i = 0; i < 3; ++i)
    workers.emplace_back([&] {
      for (std::uint64_t n = 0; !stop.load(std::memory_order_relaxed); ++n)
        if (cells.take(n % kKeys, kDaily, kMidnight).kind == Kind::kTaken) ++taken[n % kKeys];
    });
  std::array<QuotaCells::Cell*, kKeys> cell{};
  for (int round = 0; round < kRounds; ++round) {
    const std::size_t key = static_cast<std::size_t>(round * 7 + round / 5) % kKeys;
    if (cell[key] == nullptr && (cell[key] = cells.add(key)) == nullptr) continue;
    returned[key] += cells.close(*cell[key]);
    if (round % 3 == 0) {
      cells.drop(*std::exchange(cell[key], nullptr));
      continue;
    }
    cells.open(*cell[key], lease(5, 100));
    opened[key] += 5;
  }
  for (std::size_t key = 0; key < kKeys; ++key)
    if (cell[key] != nullptr) returned[key] += cells.close(*cell[key]);
  stop = true;
  for (auto& worker : workers) worker.join();
  for (std::size_t key = 0; key < kKeys; ++key) EXPECT_EQ(taken[key] + returned[key], opened[key]) << key;
}

}  // namespace
}  // namespace claviger::policy
