// SPDX-License-Identifier: Apache-2.0
#include "gateway/endpoint_health.h"

#include <gtest/gtest.h>

namespace claviger::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct EndpointHealthTest : ::testing::Test {
  EndpointHealth health;
  Monotonic now{seconds(1000)};

  void fail(unsigned times) {
    for (unsigned i = 0; i < times; ++i) health.failed(now);
  }
  // Fails one trial at the earliest, and says for how long it is out after it.
  milliseconds back_off_after_another_failure() {
    now = health.until();
    EXPECT_TRUE(health.begin_call(now));
    health.failed(now);
    health.end_trial();
    return std::chrono::duration_cast<milliseconds>(health.until() - now);
  }
};

TEST_F(EndpointHealthTest, IsOutAfterThreeFailuresInARow) {
  fail(2);
  EXPECT_TRUE(health.is_up());
  health.succeeded();
  fail(2);
  EXPECT_TRUE(health.is_up());
  fail(1);
  EXPECT_FALSE(health.is_up());
  EXPECT_FALSE(health.takes_calls(now));
  EXPECT_EQ(health.until(), now + seconds(1));
}

TEST_F(EndpointHealthTest, HasOneTrialAtATimeOnceItsTimeIsOver) {
  fail(3);
  EXPECT_FALSE(health.begin_call(now + milliseconds(999)));
  now += seconds(1);
  EXPECT_TRUE(health.takes_calls(now));
  EXPECT_TRUE(health.begin_call(now));
  EXPECT_FALSE(health.takes_calls(now));
  EXPECT_FALSE(health.begin_call(now));
  health.end_trial();  // of which nothing came to be known
  EXPECT_TRUE(health.takes_calls(now));
}

TEST_F(EndpointHealthTest, WaitsTwiceAsLongAfterEachTrialThatFailsUpToHalfAMinute) {
  fail(3);
  for (const int expected : {2, 4, 8, 16, 30, 30})
    EXPECT_EQ(back_off_after_another_failure(), seconds(expected));
}

TEST_F(EndpointHealthTest, BeginsAnewAfterASuccess) {
  fail(3);
  back_off_after_another_failure();
  health.succeeded();
  EXPECT_TRUE(health.is_up());
  fail(2);
  EXPECT_TRUE(health.is_up());
  fail(1);
  EXPECT_EQ(health.until(), now + seconds(1));
}

TEST_F(EndpointHealthTest, IsNotMadeWorseByCallsThatWereUnderWayWhenItWentOut) {
  fail(3);
  const Monotonic until = health.until();
  now += milliseconds(500);
  fail(100);
  EXPECT_EQ(health.until(), until);
}

}  // namespace
}  // namespace claviger::gateway
