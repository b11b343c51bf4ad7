// SPDX-License-Identifier: Apache-2.0
#include "server/clock_watch.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/testing/fake_clock.h"

namespace claviger::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct ClockWatchTest : ::testing::Test {
  base::testing::FakeClock clock;
  std::vector<milliseconds> steps;
  ClockWatch watch{clock, [this](milliseconds step) { steps.push_back(step); }};

  // A look after one second in which the wall clock came `wall` further.
  void look(std::chrono::microseconds wall = seconds(1)) {
    const WallTime before = clock.wall();
    clock.advance(seconds(1));
    clock.set_wall(before + wall);
    watch.look();
  }
};

TEST_F(ClockWatchTest, ClocksThatGoTogetherAreNothingToTellOf) {
  for (int i = 0; i < 100; ++i) look();
  clock.advance(hours(10));  // stopped, and gone on with
  watch.look();
  EXPECT_TRUE(steps.empty());
}

TEST_F(ClockWatchTest, AStepBackIsToldOfOnceWithItsSize) {
  look(seconds(1) - hours(2));
  for (int i = 0; i < 10; ++i) look();
  EXPECT_EQ(steps, std::vector<milliseconds>{-hours(2)});
}

TEST_F(ClockWatchTest, AStepForwardIsToldOfOnceWithItsSize) {
  look(seconds(1) + hours(24));
  for (int i = 0; i < 10; ++i) look();
  EXPECT_EQ(steps, std::vector<milliseconds>{hours(24)});
}

TEST_F(ClockWatchTest, ThereAndBackAreTwoSteps) {
  look(seconds(1) + seconds(30));
  look(seconds(1) - seconds(30));
  EXPECT_EQ(steps, (std::vector<milliseconds>{seconds(30), -seconds(30)}));
}

TEST_F(ClockWatchTest, DriftDoesNotAddUp) {
  for (int i = 0; i < 10'000; ++i) look(std::chrono::microseconds(1'000'500));
  for (int i = 0; i < 10'000; ++i) look(std::chrono::microseconds(999'500));
  EXPECT_TRUE(steps.empty());
}

TEST_F(ClockWatchTest, TwoSecondsAreTolerated) {
  look(seconds(1) + seconds(2));
  look(seconds(1) - seconds(2));
  EXPECT_TRUE(steps.empty());
  look(seconds(1) + milliseconds(2001));
  look(seconds(1) - milliseconds(2001));
  EXPECT_EQ(steps, (std::vector<milliseconds>{milliseconds(2001), milliseconds(-2001)}));
}

}  // namespace
}  // namespace claviger::server
