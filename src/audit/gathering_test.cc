// SPDX-License-Identifier: Apache-2.0
#include "audit/gathering.h"

#include <gtest/gtest.h>

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;

class GatheringTest : public ::testing::Test {
 protected:
  // A sync of two milliseconds that lets so many go.
  void sync(std::size_t released, Gathering::Duration took = 2ms) {
    now_ += took;
    gathering_.synced(took, now_, released);
  }
  bool goes_on(Gathering::Duration after, std::size_t back) { return gathering_.goes_on(now_ + after, back); }

  Gathering gathering_;
  Gathering::Time now_ = std::chrono::steady_clock::now();
};

TEST_F(GatheringTest, WaitsForThoseWhoComeBackAndNoLonger) {
  sync(64);
  EXPECT_TRUE(goes_on(100us, 0));
  EXPECT_TRUE(goes_on(400us, 16));
  EXPECT_TRUE(goes_on(800us, 40));
  EXPECT_FALSE(goes_on(900us, 56));  // as good as all
  sync(64);
  EXPECT_TRUE(goes_on(100us, 0));  // and again
}

TEST_F(GatheringTest, WaitsForNobodyWhoDoesNotCome) {
  sync(64);
  EXPECT_TRUE(goes_on(100us, 0));
  EXPECT_FALSE(goes_on(500us, 1));
}

TEST_F(GatheringTest, WaitsForNobodyWhoComesTooSlowly) {
  sync(64);
  EXPECT_TRUE(goes_on(500us, 22));
  EXPECT_FALSE(goes_on(1000us, 30));
}

TEST_F(GatheringTest, AfterAWaitInVainItIsNotTriedForAWhileWhichDoubles) {
  std::size_t tried = 0, syncs = 0;
  for (; syncs < 1000; ++syncs) {
    sync(64);
    if (!goes_on(100us, 0)) continue;
    ++tried;
    EXPECT_FALSE(goes_on(500us, 1));
  }
  EXPECT_LE(tried, 15U);
  EXPECT_GE(tried, 8U);
}

TEST_F(GatheringTest, FewCallersOrAShortSyncAreNotWaitedFor) {
  sync(3);
  EXPECT_FALSE(goes_on(0us, 0));
  Gathering fast;
  fast.synced(300us, now_ + 300us, 64);
  EXPECT_FALSE(fast.goes_on(now_ + 300us, 0));
}

TEST_F(GatheringTest, WhoeverComesAfterALongWhileIsServedAtOnce) {
  sync(64);
  EXPECT_FALSE(goes_on(2ms, 1));
  sync(64);
  EXPECT_TRUE(goes_on(100us, 0));  // which says nothing against those who come back
}

TEST_F(GatheringTest, BeforeAnySyncNobodyWaits) { EXPECT_FALSE(goes_on(0us, 0)); }

TEST_F(GatheringTest, NobodyEverWaitsForLongerThanASyncTakes) {
  for (std::size_t released = 0; released < 200; released += 7) {
    for (std::size_t back = 0; back < 200; back += 7) {
      sync(released);
      EXPECT_FALSE(goes_on(2ms, back));
    }
  }
}

}  // namespace
}  // namespace claviger::audit
