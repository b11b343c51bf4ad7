// SPDX-License-Identifier: Apache-2.0
#include "net/deadline_wheel.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

namespace claviger::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Probe final : public Deadline {
 public:
  int fired = 0;
  std::function<void()> then;

 private:
  void on_deadline() noexcept override {
    ++fired;
    if (then) then();
  }
};

struct DeadlineWheelTest : ::testing::Test {
  Monotonic now{seconds(1000)};
  DeadlineWheel wheel{now};
  void pass(milliseconds time) { wheel.sweep(now += time); }
};

TEST_F(DeadlineWheelTest, FiresOnceWithinATickAfterItIsDueAndNeverBefore) {
  Probe probe;
  wheel.set(probe, now + milliseconds(500));
  pass(milliseconds(499));
  EXPECT_EQ(probe.fired, 0);
  pass(milliseconds(1) + DeadlineWheel::kTick);
  EXPECT_EQ(probe.fired, 1);
  pass(seconds(500));
  EXPECT_EQ(probe.fired, 1);
}

TEST_F(DeadlineWheelTest, MovingADeadlineAwayPutsItOff) {
  Probe probe;
  wheel.set(probe, now + milliseconds(100));
  wheel.set(probe, now + seconds(10));
  pass(seconds(9));
  EXPECT_EQ(probe.fired, 0);
  pass(seconds(2));
  EXPECT_EQ(probe.fired, 1);
}

TEST_F(DeadlineWheelTest, MovingADeadlineNearerBringsItForward) {
  Probe probe;
  wheel.set(probe, now + seconds(60));
  wheel.set(probe, now + milliseconds(100));
  pass(milliseconds(200));
  EXPECT_EQ(probe.fired, 1);
}

TEST_F(DeadlineWheelTest, HoldsDeadlinesFurtherAwayThanItReaches) {
  Probe probe;
  wheel.set(probe, now + seconds(1000));
  for (int i = 0; i < 999; ++i) pass(seconds(1));
  EXPECT_EQ(probe.fired, 0);
  pass(seconds(2));
  EXPECT_EQ(probe.fired, 1);
}

TEST_F(DeadlineWheelTest, NeverMeansNever) {
  Probe probe;
  wheel.set(probe, now + milliseconds(100));
  wheel.set(probe, Deadline::kNever);
  pass(seconds(1));
  EXPECT_EQ(probe.fired, 0);
  EXPECT_TRUE(wheel.is_empty());
}

TEST_F(DeadlineWheelTest, ADestroyedDeadlineIsForgotten) {
  auto probe = std::make_unique<Probe>();
  wheel.set(*probe, now + milliseconds(100));
  probe.reset();
  EXPECT_TRUE(wheel.is_empty());
  pass(seconds(1));
}

TEST_F(DeadlineWheelTest, ADeadlineMayDestroyAnotherThatIsDueInTheSameSweep) {
  auto victim = std::make_unique<Probe>();
  Probe killer;
  killer.then = [&] { victim.reset(); };
  wheel.set(killer, now + milliseconds(100));
  wheel.set(*victim, now + milliseconds(100));
  pass(seconds(1));
  EXPECT_EQ(killer.fired, 1);
  EXPECT_EQ(victim, nullptr);
}

TEST_F(DeadlineWheelTest, ADeadlineMaySetItselfAnew) {
  Probe probe;
  probe.then = [&] { wheel.set(probe, now + milliseconds(100)); };
  wheel.set(probe, now + milliseconds(100));
  for (int i = 0; i < 10; ++i) pass(milliseconds(200));
  EXPECT_EQ(probe.fired, 10);
  wheel.clear(probe);
}

TEST_F(DeadlineWheelTest, ALongSleepOfTheMachineFiresEverythingOnce) {
  std::array<Probe, 100> probes;
  for (std::size_t i = 0; i < probes.size(); ++i) wheel.set(probes[i], now + seconds(i + 1));
  pass(std::chrono::hours(48));
  for (const Probe& probe : probes) EXPECT_EQ(probe.fired, 1);
}

}  // namespace
}  // namespace claviger::net
