// SPDX-License-Identifier: Apache-2.0
#include "audit/open_calls.h"

#include <gtest/gtest.h>

#include "audit/lane_queue.h"
#include "base/testing/fake_clock.h"

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;

struct OpenCallsTest : ::testing::Test {
  base::testing::FakeClock clock;
  Pressure pressure{clock, 1s};
  LaneQueue one{pressure, 1 << 20};
  LaneQueue two{pressure, 1 << 20};
  OpenCalls calls;

  void start(const Lane& lane, std::uint64_t id, std::uint64_t event) {
    calls.note(lane, {id, CallMark::Kind::kStarted}, {event, 0, event * 100});
  }
  void finish(const Lane& lane, std::uint64_t id) { calls.note(lane, {id, CallMark::Kind::kFinished}, {}); }
};

TEST_F(OpenCallsTest, TheOldestIsWhereTheFirstBeganThatIsNotFinished) {
  EXPECT_EQ(calls.oldest(), std::nullopt);
  start(one, 1, 10);
  start(one, 2, 11);
  start(one, 3, 12);
  EXPECT_EQ(calls.oldest(), (LogPlace{10, 0, 1000}));
  finish(one, 2);
  EXPECT_EQ(calls.oldest(), (LogPlace{10, 0, 1000}));
  finish(one, 1);
  EXPECT_EQ(calls.oldest(), (LogPlace{12, 0, 1200}));
  finish(one, 3);
  EXPECT_EQ(calls.oldest(), std::nullopt);
  EXPECT_EQ(calls.size(), 0U);
}

TEST_F(OpenCallsTest, CallsOfTwoLanesAreTwoWhateverTheirNumbers) {
  start(one, 1, 10);
  start(two, 1, 11);
  finish(one, 1);
  EXPECT_EQ(calls.oldest(), (LogPlace{11, 0, 1100}));
  finish(one, 1);  // of none
  EXPECT_EQ(calls.size(), 1U);
}

TEST_F(OpenCallsTest, EventsOfNoCallAreNone) {
  calls.note(one, {}, {5, 0, 500});
  EXPECT_EQ(calls.size(), 0U);
}

}  // namespace
}  // namespace claviger::audit
