// SPDX-License-Identifier: Apache-2.0
#include "net/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "net/testing/loop_fixture.h"

namespace claviger::net {
namespace {

struct TaskTest : ::testing::Test, testing::LoopFixture {};

Task<int> answer() { co_return 42; }
Task<int> twice(Task<int> inner) { co_return 2 * co_await std::move(inner); }
Task<Result<int>> failing() { co_return Error(Code::kInvalid, Blame::kOperator, "no"); }
Task<Result<int>> tries() { co_return 1 + CLV_CO_TRY(co_await failing()); }

TEST_F(TaskTest, ATaskRunsWhenItIsAwaitedAndGivesItsValue) { EXPECT_EQ(finish(twice(answer())), 84); }

TEST_F(TaskTest, AnErrorLeavesTheEnclosingCoroutine) {
  const auto result = finish(tries());
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().what(), "no");
}

TEST_F(TaskTest, ADeepChainNeedsNoStack) {
  struct Deep {
    static Task<int> down(int depth) {
      if (depth == 0) co_return 0;
      co_return 1 + co_await down(depth - 1);
    }
  };
  EXPECT_EQ(finish(Deep::down(1000)), 1000);
}

Task<void> hold(std::shared_ptr<int> held, Loop& loop) {
  co_await loop.yield();
  *held = 1;
}

TEST_F(TaskTest, DestroyingATaskThatHasNotBegunReleasesWhatItHolds) {
  auto held = std::make_shared<int>(0);
  {
    Task<void> task = hold(held, loop());
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(TaskTest, AChildRunsBesideItsParentAndIsJoined) {
  std::string order;
  struct Parent {
    static Task<void> child(Loop& loop, std::string& order) {
      order += "a";
      co_await loop.yield();
      order += "c";
    }
    static Task<int> run(Loop& loop, std::string& order) {
      Child child_task;
      child_task.start(child(loop, order));
      order += "b";
      EXPECT_TRUE(child_task.is_running());
      co_await child_task.join();
      order += "d";
      co_return 0;
    }
  };
  finish(Parent::run(loop(), order));
  EXPECT_EQ(order, "abcd");
}

TEST_F(TaskTest, FramesOfAFinishedTaskAreUsedAgain) {
  finish(twice(answer()));
  const std::size_t before = loop().frames().bytes();
  for (int i = 0; i < 100; ++i) finish(twice(answer()));
  EXPECT_EQ(loop().frames().bytes(), before);
}

}  // namespace
}  // namespace claviger::net
