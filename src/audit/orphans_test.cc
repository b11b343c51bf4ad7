// SPDX-License-Identifier: Apache-2.0
#include "audit/orphans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "audit/line.h"
#include "audit/log_files.h"
#include "audit/log_on_disk.h"
#include "audit/member.h"
#include "audit/saved_state.h"
#include "audit/testing/memory_disk.h"
#include "audit/testing/sample_log.h"
#include "audit/testing/test_signer.h"
#include "base/testing/fake_clock.h"

namespace claviger::audit {
namespace {

using testing::MemoryDisk;

testing::TestSigner signer;

std::string id_of(std::uint64_t call) {
  return "\"" + std::string(30, '0') + std::to_string(10 + call) + "\"";
}

std::string started(std::uint64_t call) {
  return R"({"v":1,"time":"2026-01-01T00:00:00.000Z","type":"call.started","request_id":)" + id_of(call) +
         R"(,"principal":"alice","address":"192.0.2.1","upstream":"api","method":"GET","path":"/v1/\"x\""})";
}
std::string finished(std::uint64_t call) {
  return R"({"v":1,"time":"2026-01-01T00:00:00.000Z","type":"call.finished","request_id":)" + id_of(call) +
         R"(,"status":200})";
}

struct OrphansTest : ::testing::Test {
  MemoryDisk disk;
  base::testing::FakeClock clock;

  LogOptions options(Durability durability = Durability::kStrict) const {
    return {.origin = testing::kSampleOrigin, .durability = durability, .reserve_bytes = 0};
  }
  Result<std::unique_ptr<Log>> open(Durability durability = Durability::kStrict) {
    return open_log_on(disk.attach(), options(durability), signer, clock);
  }
  // A gateway's life that ends in the midst of it, as a kill ends it: what was synced is all there is. `calls` begin,
  // and those end that `ends` says.
  void live(std::uint64_t calls, const std::function<bool(std::uint64_t)>& ends, std::uint64_t first = 0) {
    auto log = open();
    ASSERT_TRUE(log.has_value()) << log.error().what();
    Lane& lane = (*log)->make_lane();
    for (std::uint64_t i = first; i < first + calls; ++i)
      lane.append(started(i), 0, {i, CallMark::Kind::kStarted});
    for (std::uint64_t i = first; i < first + calls; ++i)
      if (ends(i)) lane.append(finished(i), 0, {i, CallMark::Kind::kFinished});
  }
  std::vector<std::string> lines() { return testing::lines_of(disk.content(segment_name(0))); }
  // How often each call ends, by its id.
  std::map<std::string, int> ends() {
    std::map<std::string, int> found;
    for (const std::string& line : lines())
      if (find_member(line, "type") == R"("call.finished")")
        ++found[std::string(find_member(line, "request_id"))];
    return found;
  }
  std::vector<std::uint64_t> find(std::size_t most) {
    std::vector<std::uint64_t> events;
    const auto attached = disk.attach();
    const auto done = find_orphans(*attached, {}, most, [&](const std::vector<LogPlace>& places) {
      EXPECT_LE(places.size(), most);
      for (const LogPlace& place : places) events.push_back(place.event);
      return ok();
    });
    EXPECT_TRUE(done.has_value()) << done.error().what();
    std::ranges::sort(events);
    return events;
  }
};

TEST_F(OrphansTest, EachCallThatDidNotEndGetsItsEndAtTheNextStart) {
  live(3, [](std::uint64_t call) { return call == 1; });
  ASSERT_TRUE(open().has_value());
  const auto all = lines();
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(find_member(all[4], "type"), R"("call.finished")");
  EXPECT_EQ(find_member(all[4], "request_id"), id_of(0));
  EXPECT_EQ(find_member(all[4], "principal"), R"("alice")");
  EXPECT_EQ(find_member(all[4], "upstream"), R"("api")");
  EXPECT_EQ(find_member(all[4], "method"), R"("GET")");
  EXPECT_EQ(find_member(all[4], "path"), R"("/v1/\"x\"")");
  EXPECT_EQ(find_member(all[4], "code"), R"("outcome_unknown")");
  EXPECT_EQ(find_member(all[4], "started"), "0");
  EXPECT_EQ(find_member(all[5], "request_id"), id_of(2));
  EXPECT_EQ(find_member(all[5], "started"), "2");
}

TEST_F(OrphansTest, ItGetsOneHoweverOftenTheGatewayStarts) {
  live(2, [](std::uint64_t) { return false; });
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(open().has_value());
  EXPECT_EQ(ends(), (std::map<std::string, int>{{id_of(0), 1}, {id_of(1), 1}}));
}

TEST_F(OrphansTest, AnotherModeEndsThemToo) {
  live(2, [](std::uint64_t) { return false; });
  ASSERT_TRUE(open(Durability::kGroup).has_value());
  EXPECT_EQ(ends().size(), 2U);
  live(1, [](std::uint64_t) { return false; }, 5);
  ASSERT_TRUE(open(Durability::kStrict).has_value());
  EXPECT_EQ(ends(), (std::map<std::string, int>{{id_of(0), 1}, {id_of(1), 1}, {id_of(5), 1}}));
}

TEST_F(OrphansTest, TheStateSaysWhereTheFirstOfThemBegan) {
  live(3, [](std::uint64_t call) { return call == 0; });
  const VerifierKey key{testing::kSampleOrigin, signer.public_key()};
  auto state = open_state(disk.content(kState), key);
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->oldest_open, (LogPlace{1, 0, started(0).size() + 1}));
  ASSERT_TRUE(open().has_value());
  state = open_state(disk.content(kState), key);
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->oldest_open, std::nullopt);
}

TEST_F(OrphansTest, WithoutAStateTheWholeLogIsLookedThrough) {
  live(2, [](std::uint64_t call) { return call == 0; });
  disk.remove(kState);
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(ends(), (std::map<std::string, int>{{id_of(0), 1}, {id_of(1), 1}}));
}

TEST_F(OrphansTest, AreEndedOnceWhereverTheDiskFailsOrLosesItsPowerMeanwhile) {
  for (const bool loses_power : {false, true}) {
    for (unsigned at = 1;; ++at) {
      disk = MemoryDisk(at);
      live(3, [](std::uint64_t call) { return call == 1; });
      disk.fail_after(at, true);
      (void)open();
      const bool has_failed = disk.has_failed();
      if (loses_power) disk.lose_power();
      disk.repair();
      const auto log = open();
      ASSERT_TRUE(log.has_value()) << at << ": " << log.error().what();
      EXPECT_EQ(ends(), (std::map<std::string, int>{{id_of(0), 1}, {id_of(1), 1}, {id_of(2), 1}})) << at;
      if (!has_failed) break;
    }
  }
}

TEST_F(OrphansTest, AreAllFoundInLittleMemoryHoweverMany) {
  live(90, [](std::uint64_t call) { return call % 3 == 0; });
  const auto all = find(1000);
  EXPECT_EQ(all.size(), 60U);
  // Nobody ends them in here, so that all parts are seen with all their calls; what was found before comes again.
  auto few = find(20);
  few.erase(std::ranges::unique(few).begin(), few.end());
  EXPECT_EQ(few, all);
}

TEST_F(OrphansTest, WhatOnlyLooksLikeACallIsNone) {
  auto log = open();
  Lane& lane = (*log)->make_lane();
  lane.append(
      R"({"v":1,"type":"note","text":"\"type\":\"call.started\"","nested":{"type":"call.started","request_id":"x"}})");
  lane.append(R"({"v":1,"type":"call.started"})");
  log->reset();
  EXPECT_TRUE(find(10).empty());
}

TEST_F(OrphansTest, TheLongestBeginningHasAnEndThatFits) {
  auto log = open();
  std::string line = started(0);
  line.insert(line.size() - 2, std::string(Lane::kMaxEvent - line.size(), 'y'));
  ASSERT_EQ(line.size(), Lane::kMaxEvent);
  (*log)->make_lane().append(line, 0, {1, CallMark::Kind::kStarted});
  log->reset();
  ASSERT_TRUE(open().has_value());
  const auto all = lines();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(find_member(all[1], "request_id"), id_of(0));
  EXPECT_EQ(find_member(all[1], "path_cut"), "true");
  EXPECT_EQ(find_member(all[1], "started"), "0");
}

}  // namespace
}  // namespace claviger::audit
