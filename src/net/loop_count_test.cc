// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/testing/fake_clock.h"
#include "net/loop.h"

namespace claviger::net {
namespace {

using std::chrono::milliseconds;
using telemetry::Counter;
using telemetry::Gauge;

struct LoopCount : ::testing::Test {
  base::testing::FakeClock clock;
  std::unique_ptr<Loop> loop = *Loop::create(clock);
  telemetry::WorkerMetrics metrics;

  LoopCount() { loop->count_in(&metrics); }

  // Something on the loop takes so long.
  void turn_for(milliseconds busy) {
    loop->post([this, busy] { clock.advance(busy); });
    loop->turn(milliseconds(0));
  }
  std::chrono::nanoseconds busy() const {
    return std::chrono::nanoseconds(metrics.value(Counter::kLoopBusyNanoseconds));
  }
  std::chrono::nanoseconds lag() const {
    return std::chrono::nanoseconds(metrics.value(Gauge::kLoopLagNanoseconds));
  }
};

TEST_F(LoopCount, CountsTurnsAndTheTimeSpentInThem) {
  turn_for(milliseconds(3));
  clock.advance(milliseconds(500));  // waiting is not being busy
  turn_for(milliseconds(4));
  EXPECT_EQ(metrics.value(Counter::kLoopTurns), 2U);
  EXPECT_EQ(busy(), milliseconds(7));
}

TEST_F(LoopCount, LagIsTheLongestTurn) {
  turn_for(milliseconds(3));
  EXPECT_EQ(lag(), milliseconds(3));
  turn_for(milliseconds(40));
  turn_for(milliseconds(2));
  EXPECT_EQ(lag(), milliseconds(40));
}

TEST_F(LoopCount, ALongTurnIsForgottenAfterTenToTwentySeconds) {
  turn_for(milliseconds(40));
  clock.advance(milliseconds(9000));
  turn_for(milliseconds(2));
  EXPECT_EQ(lag(), milliseconds(40));
  clock.advance(milliseconds(9000));
  turn_for(milliseconds(3));
  EXPECT_EQ(lag(), milliseconds(40));
  clock.advance(milliseconds(11'000));
  turn_for(milliseconds(1));
  EXPECT_EQ(lag(), milliseconds(3));
}

TEST_F(LoopCount, CountsNowhereOnceItIsToldTo) {
  turn_for(milliseconds(3));
  loop->count_in(nullptr);
  turn_for(milliseconds(50));
  EXPECT_EQ(metrics.value(Counter::kLoopTurns), 1U);
  EXPECT_EQ(lag(), milliseconds(3));
}

}  // namespace
}  // namespace claviger::net
