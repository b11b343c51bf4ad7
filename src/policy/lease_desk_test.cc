// SPDX-License-Identifier: Apache-2.0
#include "policy/lease_desk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace claviger::policy {
namespace {

using Kind = QuotaDecision::Kind;
using std::chrono::hours;
using std::chrono::minutes;

constexpr WallTime kNoon{std::chrono::sys_days(std::chrono::year(2026) / 6 / 1) + hours(12)};
constexpr Quota kDaily{1000, hours(24)};  // blocks of 10

// Saves when it is told to, and outlives the desks that use it, as a disk does.
struct FakeStorage {
  struct Pending {
    std::vector<SavedLease> leases;
    std::function<void(Result<void>)> done;
  };
  std::map<std::string, SavedLease> disk;
  std::deque<Pending> pending;
  std::vector<std::string> forgotten;

  LeaseStorage storage() {
    return {[this](auto leases, auto done) { pending.push_back({std::move(leases), std::move(done)}); },
            [this](auto names) {
              for (auto& name : names) {
                disk.erase(name);
                forgotten.push_back(name);
              }
            }};
  }
  Pending write_next() {
    Pending next = std::move(pending.front());
    pending.pop_front();
    for (const SavedLease& lease : next.leases) disk[lease.name] = lease;
    return next;
  }
  void finish_next() { write_next().done(ok()); }
  void fail_next() {
    Pending next = std::move(pending.front());
    pending.pop_front();
    next.done(Error(Code::kUnavailable, Blame::kOperator, "no space left on device"));
  }
  std::vector<SavedLease> saved() const {
    std::vector<SavedLease> all;
    for (const auto& [name, lease] : disk) all.push_back(lease);
    return all;
  }
};

// A gateway as far as it counts: it is started, and dies.
struct Process {
  explicit Process(FakeStorage& storage, std::size_t most = 64)
      : cells(most), desk(cells, storage.storage()) {
    desk.load(storage.saved());
  }
  QuotaCells cells;
  LeaseDesk desk;
};

struct LeaseDeskTest : ::testing::Test {
  FakeStorage storage;
  std::optional<Process> process{std::in_place, storage};
  WallTime now = kNoon;

  void restart() {
    storage.pending.clear();
    process.emplace(storage);
  }
  static LeaseRequest request(WallTime now, const Quota& quota = kDaily, std::uint64_t who = 1) {
    return {"grant", "principal-" + std::to_string(who), who, quota, now};
  }
  void ask(std::vector<std::string>& answers, const Quota& quota = kDaily, std::uint64_t who = 1) {
    process->desk.ask(request(now, quota, who), [&answers](const Result<QuotaDecision>& answer) {
      if (!answer.has_value()) return answers.emplace_back(answer.error().what()), void();
      answers.emplace_back(answer->kind == Kind::kTaken ? "taken" : "exhausted");
    });
  }
  Kind take_once(const Quota& quota = kDaily, std::uint64_t who = 1) {
    return process->cells.take(who, quota, now).kind;
  }
  // As a worker does, with a store that is quick.
  bool take(const Quota& quota = kDaily, std::uint64_t who = 1) {
    const QuotaDecision decision = process->cells.take(who, quota, now);
    if (decision.kind != Kind::kNeedsLease) return decision.kind == Kind::kTaken;
    std::vector<std::string> answers;
    ask(answers, quota, who);
    while (!storage.pending.empty()) storage.finish_next();
    EXPECT_EQ(answers.size(), 1U);
    return !answers.empty() && answers[0] == "taken";
  }
  std::uint64_t take_all(const Quota& quota = kDaily, std::uint64_t who = 1) {
    std::uint64_t count = 0;
    while (take(quota, who)) ++count;
    return count;
  }
};

TEST_F(LeaseDeskTest, ALeaseIsSavedBeforeTheFirstCallOfIt) {
  std::vector<std::string> answers;
  ask(answers);
  EXPECT_TRUE(answers.empty());
  const auto written = storage.write_next();
  EXPECT_EQ(storage.disk.at("grant/principal-1").leased, 11U);  // a block, and one for whoever asks
  EXPECT_EQ(take_once(), Kind::kNeedsLease);
  EXPECT_TRUE(answers.empty());
  written.done(ok());
  EXPECT_EQ(answers, std::vector<std::string>{"taken"});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(take_once(), Kind::kTaken);
  EXPECT_EQ(take_once(), Kind::kNeedsLease);
}

TEST_F(LeaseDeskTest, AQuotaIsGivenOutToItsLastCallAndNoFurther) {
  EXPECT_EQ(take_all(), 1000U);
  EXPECT_EQ(storage.disk.at("grant/principal-1").leased, 1000U);
  EXPECT_EQ(take_all({7, hours(24)}, 2), 7U);
  EXPECT_EQ(take_all({1, hours(24)}, 3), 1U);
}

TEST_F(LeaseDeskTest, PrincipalsHaveAQuotaEach) {
  EXPECT_EQ(take_all(kDaily, 1), 1000U);
  EXPECT_EQ(take_all(kDaily, 2), 1000U);
}

TEST_F(LeaseDeskTest, ManyWhoAskAtOnceCauseOneSave) {
  std::vector<std::string> answers;
  for (int i = 0; i < 11; ++i) ask(answers);
  EXPECT_EQ(process->desk.saves(), 1U);
  storage.finish_next();
  EXPECT_EQ(answers, std::vector<std::string>(11, "taken"));
  EXPECT_TRUE(storage.pending.empty());
}

TEST_F(LeaseDeskTest, AsManyCallsAreLeasedAsWaitForThem) {
  const Quota small{40, hours(24)};  // blocks of 1
  std::vector<std::string> answers, others;
  ask(others, kDaily, 2);  // so that the rest waits for one save
  for (int i = 0; i < 30; ++i) ask(answers, small);
  storage.finish_next();
  storage.finish_next();
  EXPECT_EQ(answers, std::vector<std::string>(30, "taken"));
  EXPECT_EQ(process->desk.saves(), 2U);
  EXPECT_EQ(take_all(small), 10U);
}

TEST_F(LeaseDeskTest, ThoseWhoCameDuringTheSaveAreServedByTheNext) {
  const Quota small{40, hours(24)};
  std::vector<std::string> answers;
  for (int i = 0; i < 50; ++i) ask(answers, small);  // the first has begun a save for itself
  storage.finish_next();
  EXPECT_EQ(answers.size(), 2U);
  storage.finish_next();
  EXPECT_TRUE(storage.pending.empty());
  EXPECT_EQ(std::ranges::count(answers, "taken"), 40);
  EXPECT_EQ(std::ranges::count(answers, "exhausted"), 10);
  EXPECT_EQ(storage.disk.at("grant/principal-1").leased, 40U);
}

TEST_F(LeaseDeskTest, CountersAskedForDuringASaveGoTogetherIntoTheNext) {
  std::vector<std::string> answers;
  for (std::uint64_t who = 1; who <= 30; ++who) ask(answers, kDaily, who);
  storage.finish_next();
  ASSERT_EQ(storage.pending.size(), 1U);
  EXPECT_EQ(storage.pending.front().leases.size(), 29U);
  storage.finish_next();
  EXPECT_EQ(answers.size(), 30U);
}

TEST_F(LeaseDeskTest, WhoAsksAgainFromWithinTheAnswerIsServed) {
  int answers = 0;
  std::function<void(Result<QuotaDecision>)> again = [&](Result<QuotaDecision>) {
    while (take_once() == Kind::kTaken) {
    }
    if (++answers < 5) process->desk.ask(request(now), again);
  };
  process->desk.ask(request(now), again);
  while (!storage.pending.empty()) storage.finish_next();
  EXPECT_EQ(answers, 5);
  EXPECT_EQ(storage.disk.at("grant/principal-1").leased, 55U);
}

TEST_F(LeaseDeskTest, WhileHalfABlockIsLeftNothingNeedBeSaved) {
  ASSERT_TRUE(take());
  process->desk.ask(request(now), {});
  std::vector<std::string> answers;
  ask(answers);
  EXPECT_EQ(answers, std::vector<std::string>{"taken"});
  EXPECT_EQ(process->desk.saves(), 1U);
  EXPECT_EQ(take_all(), 998U);
}

TEST_F(LeaseDeskTest, AskedEarlyNobodyEverWaits) {
  ASSERT_TRUE(take());
  for (int i = 1; i < 1000; ++i) {
    const QuotaDecision decision = process->cells.take(1, kDaily, now);
    ASSERT_EQ(decision.kind, Kind::kTaken) << i;
    EXPECT_EQ(decision.remaining, 999U - static_cast<unsigned>(i));
    if (!decision.ask_now) continue;
    process->desk.ask(request(now), {});
    storage.finish_next();
  }
  EXPECT_EQ(take_once(), Kind::kExhausted);
}

TEST_F(LeaseDeskTest, ARestartForfeitsWhatWasLeftOfTheLease) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(take());
  restart();
  EXPECT_EQ(take_all(), 989U);
  restart();
  EXPECT_EQ(take_all(), 0U);
}

TEST_F(LeaseDeskTest, ANewWindowIsANewQuota) {
  EXPECT_EQ(take_all(), 1000U);
  now += hours(12);
  EXPECT_EQ(take_all(), 1000U);
  restart();
  now += hours(24);
  EXPECT_EQ(take_all(), 1000U);
}

TEST_F(LeaseDeskTest, ASpentWindowIsNotOpenedAgainByAClockThatIsSetBack) {
  EXPECT_EQ(take_all(), 1000U);
  now += hours(24);
  EXPECT_EQ(take_all(), 1000U);
  now -= hours(24);
  EXPECT_EQ(take_all(), 0U);
  restart();
  EXPECT_EQ(take_all(), 0U);
  now -= hours(24 * 30);
  EXPECT_EQ(take_all(), 0U);
  now = kNoon + hours(48);
  EXPECT_EQ(take_all(), 1000U);
}

TEST_F(LeaseDeskTest, WhatCannotBeSavedIsNotLeasedAndTheReasonIsSaid) {
  std::vector<std::string> answers;
  ask(answers);
  storage.fail_next();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_NE(answers[0].find("no space left on device"), std::string::npos);
  EXPECT_EQ(take_once(), Kind::kNeedsLease);
  EXPECT_EQ(process->desk.failed_saves(), 1U);
  EXPECT_EQ(take_all(), 1000U);  // once there is room again
}

TEST_F(LeaseDeskTest, ASaveThatFailsLeavesTheRestOfTheOldLease) {
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(take());
  process->desk.ask(request(now), {});
  storage.fail_next();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(take_once(), Kind::kTaken);
  EXPECT_EQ(take_once(), Kind::kNeedsLease);
}

TEST_F(LeaseDeskTest, ASaveThatIsOnDiskButWasReportedLostGivesNothingAway) {
  std::vector<std::string> answers;
  ask(answers);
  storage.write_next().done(Error(Code::kUnavailable, Blame::kOperator, "disk I/O error"));
  restart();
  EXPECT_EQ(take_all(), 989U);
}

TEST_F(LeaseDeskTest, ALowerQuotaCountsWhatWasUsedUnderTheHigher) {
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(take());
  EXPECT_EQ(take_all({605, hours(24)}), 5U);
  EXPECT_EQ(take_all({100, hours(24)}), 0U);
  EXPECT_EQ(take_all({610, hours(24)}), 5U);
  EXPECT_EQ(take_all(), 390U);
}

TEST_F(LeaseDeskTest, WhoeverComesInTheNextWindowWaitsForALeaseOfThat) {
  std::vector<std::string> answers;
  ask(answers);
  now += hours(24);
  ask(answers);
  storage.finish_next();  // is of yesterday
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_EQ(take_once(), Kind::kNeedsLease);
  storage.finish_next();
  EXPECT_EQ(answers.size(), 2U);
  EXPECT_EQ(take_all(), 999U);
}

TEST_F(LeaseDeskTest, MoreCountersThanThereIsRoomForAreRefused) {
  process.emplace(storage, 2);
  EXPECT_TRUE(take(kDaily, 1));
  EXPECT_TRUE(take(kDaily, 2));
  std::vector<std::string> answers;
  ask(answers, kDaily, 3);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_NE(answers[0].find("no more than 2"), std::string::npos) << answers[0];
  EXPECT_EQ(process->desk.size(), 2U);
  EXPECT_TRUE(take(kDaily, 1));
}

TEST_F(LeaseDeskTest, CountersAreForgottenLongAfterTheirWindow) {
  EXPECT_TRUE(take(kDaily, 1));
  now += hours(24 * 30);
  EXPECT_TRUE(take(kDaily, 2));
  process->desk.sweep(now);
  EXPECT_TRUE(storage.forgotten.empty());
  now += hours(24 * 40);
  process->desk.sweep(now);
  EXPECT_EQ(storage.forgotten, std::vector<std::string>{"grant/principal-1"});
  EXPECT_EQ(process->desk.size(), 1U);
  EXPECT_EQ(process->cells.size(), 1U);
  EXPECT_EQ(take_all(kDaily, 1), 1000U);
}

TEST_F(LeaseDeskTest, WhatWasSavedForMonthsAgoIsForgottenToo) {
  storage.disk["grant/principal-9"] = {"grant/principal-9", 1, 5};
  restart();
  process->desk.sweep(now);
  EXPECT_EQ(storage.forgotten, std::vector<std::string>{"grant/principal-9"});
}

TEST_F(LeaseDeskTest, NobodyIsKeptWaitingByAGatewayThatStops) {
  std::vector<std::string> answers;
  ask(answers);
  process->desk.stop();
  ask(answers);
  EXPECT_EQ(answers, std::vector<std::string>(2, "the gateway is stopping"));
  storage.finish_next();  // as the store's thread does before it ends
  EXPECT_EQ(answers.size(), 2U);
}

TEST_F(LeaseDeskTest, AnAnswerThatComesAfterTheDeskIsGoneIsOfNoConsequence) {
  std::vector<std::string> answers;
  ask(answers);
  auto written = storage.write_next();
  process.reset();
  written.done(ok());
  EXPECT_TRUE(answers.empty());
}

// The process is killed at any point: before a save reached the disk, between that and the lease being handed
// out, with calls left. The clock jumps, saves fail, quotas are changed to and fro.
TEST(LeaseDeskCrashModel, NoWindowEverSeesMoreCallsThanItsQuota) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto chance = [&random](unsigned in) { return random() % in == 0; };
    const Quota quota{1 + random() % (chance(2) ? 20 : 3000), minutes(60)};
    FakeStorage storage;
    std::optional<Process> process(std::in_place, storage);
    WallTime now = kNoon;
    std::map<WallTime, std::uint64_t> made;  // calls, by the end of the window that they counted in
    for (int step = 0; step < 4000; ++step) {
      const QuotaDecision decision = process->cells.take(1, quota, now);
      const auto count = [&made, now](const Result<QuotaDecision>& got) {
        if (got.has_value() && got->kind == Kind::kTaken)
          ++made[now + std::chrono::seconds(got->reset_seconds)];
      };
      count(decision);
      const LeaseRequest request{"grant", "principal", 1, quota, now};
      if (decision.kind == Kind::kNeedsLease) process->desk.ask(request, count);
      if (decision.ask_now) process->desk.ask(request, {});
      if (!storage.pending.empty() && chance(2)) {
        if (chance(20)) storage.fail_next();
        else if (chance(20)) storage.write_next().done(Error(Code::kUnavailable, Blame::kOperator, "lost"));
        else storage.finish_next();
      }
      if (chance(200)) {
        if (!storage.pending.empty() && chance(2)) storage.write_next();  // on disk, and never reported
        storage.pending.clear();
        process.emplace(storage);
      }
      if (chance(400)) now += minutes(random() % 90);
      if (chance(800)) now -= minutes(random() % 300);
    }
    EXPECT_FALSE(made.empty());
    for (const auto& [window, calls] : made) ASSERT_LE(calls, quota.calls) << "seed " << seed;
  }
}

}  // namespace
}  // namespace claviger::policy
