// SPDX-License-Identifier: Apache-2.0
#include "server/overload.h"

#include <gtest/gtest.h>

#include "server/process.h"

namespace claviger::server {
namespace {

struct OverloadTest : ::testing::Test {
  Overload::Usage usage{.memory = 100, .descriptors = 10};
  Overload overload{{.memory = 1000, .descriptors = 100}, [this] { return usage; }};
};

TEST_F(OverloadTest, ShedsNothingWhileThereIsEnough) {
  EXPECT_FALSE(overload.look());
  usage = {.memory = 950, .descriptors = 95};
  EXPECT_FALSE(overload.look());
  EXPECT_EQ(overload.level(), Overload::Level::kEnough);
  EXPECT_FALSE(overload.is_shedding());
  EXPECT_EQ(overload.reason(), "");
}

TEST_F(OverloadTest, IsTightShortOfTheMarkAndNoLongerThanThat) {
  for (const Overload::Usage tight : {Overload::Usage{951, 10}, Overload::Usage{100, 96}}) {
    usage = tight;
    EXPECT_TRUE(overload.look());
    EXPECT_EQ(overload.level(), Overload::Level::kTight);
    EXPECT_FALSE(overload.is_shedding());
    EXPECT_FALSE(overload.look());
    usage = {.memory = 950, .descriptors = 95};
    EXPECT_TRUE(overload.look());
    EXPECT_EQ(overload.level(), Overload::Level::kEnough);
  }
}

TEST_F(OverloadTest, GoesFromTightToSheddingAndFromSheddingToEnough) {
  usage.memory = 1000;
  EXPECT_TRUE(overload.look());
  EXPECT_EQ(overload.level(), Overload::Level::kTight);
  usage.memory = 1001;
  EXPECT_TRUE(overload.look());
  EXPECT_EQ(overload.level(), Overload::Level::kShedding);
  EXPECT_TRUE(overload.flag());
  usage.memory = 900;
  EXPECT_TRUE(overload.look());
  EXPECT_EQ(overload.level(), Overload::Level::kEnough);
}

TEST_F(OverloadTest, BeginsAboveTheMarkAndEndsATenthBelowIt) {
  usage.memory = 1001;
  EXPECT_TRUE(overload.look());
  EXPECT_TRUE(overload.is_shedding());
  EXPECT_EQ(overload.reason(), "memory");
  usage.memory = 901;
  EXPECT_FALSE(overload.look());
  EXPECT_TRUE(overload.is_shedding());
  usage.memory = 900;
  EXPECT_TRUE(overload.look());
  EXPECT_FALSE(overload.is_shedding());
  EXPECT_EQ(overload.reason(), "");
}

TEST_F(OverloadTest, DescriptorsAreWatchedLikeMemory) {
  usage.descriptors = 101;
  EXPECT_TRUE(overload.look());
  EXPECT_EQ(overload.reason(), "descriptors");
  usage.descriptors = 91;
  EXPECT_FALSE(overload.look());
  usage.descriptors = 90;
  EXPECT_TRUE(overload.look());
  EXPECT_FALSE(overload.is_shedding());
}

TEST_F(OverloadTest, GoesOnForAnotherReasonWithoutABreak) {
  usage = {.memory = 1001, .descriptors = 101};
  EXPECT_TRUE(overload.look());
  usage.memory = 1;
  EXPECT_FALSE(overload.look());
  EXPECT_TRUE(overload.is_shedding());
  EXPECT_EQ(overload.reason(), "descriptors");
}

TEST_F(OverloadTest, NewLimitsHoldFromTheNextLookOn) {
  overload.look();
  overload.use({.memory = 50, .descriptors = 100});
  EXPECT_FALSE(overload.is_shedding());
  EXPECT_TRUE(overload.look());
  overload.use({.memory = 1000, .descriptors = 100});
  EXPECT_TRUE(overload.look());
  EXPECT_FALSE(overload.is_shedding());
}

TEST(Overload, FillsInWhatIsNotSetFromTheMachine) {
  const Overload overload({}, [] { return Overload::Usage{}; });
  EXPECT_GT(overload.limits().memory, 0U);
  EXPECT_GT(overload.limits().descriptors, 0U);
  EXPECT_LT(overload.limits().descriptors, file_limit());  // the rest is for management and files
}

}  // namespace
}  // namespace claviger::server
