// SPDX-License-Identifier: Apache-2.0
#include "net/background.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "net/testing/loop_fixture.h"

namespace claviger::net {
namespace {

struct BackgroundTest : ::testing::Test, testing::LoopFixture {
  // Holds the thread at this point of its queue until the gate is opened.
  std::promise<void> gate;
  void block(BackgroundThread& thread) {
    thread.push([opened = gate.get_future().share()] { opened.wait(); });
  }
};

struct Facts {
  std::string thread_name;
  std::thread::id worked, resumed;
  bool signals_blocked = false;
};

Task<Facts> look(BackgroundThread& thread) {
  Facts facts = co_await thread.run([] {
    Facts seen;
    std::array<char, 16> name{};
    pthread_getname_np(pthread_self(), name.data(), name.size());
    seen.thread_name = name.data();
    seen.worked = std::this_thread::get_id();
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    seen.signals_blocked = sigismember(&blocked, SIGTERM) == 1;
    return seen;
  });
  facts.resumed = std::this_thread::get_id();
  co_return facts;
}

TEST_F(BackgroundTest, WorkRunsOnItsThreadAndWhoeverAwaitsItGoesOnInTheLoop) {
  BackgroundThread thread(loop(), "clv-test");
  const Facts facts = finish(look(thread));
  EXPECT_EQ(facts.thread_name, "clv-test");
  EXPECT_NE(facts.worked, std::this_thread::get_id());
  EXPECT_EQ(facts.resumed, std::this_thread::get_id());
  EXPECT_TRUE(facts.signals_blocked);
}

Task<std::unique_ptr<int>> make(BackgroundThread& thread) {
  co_return co_await thread.run([given = std::make_unique<int>(7)]() mutable { return std::move(given); });
}

TEST_F(BackgroundTest, WorkAndItsResultAreMovedNotCopied) {
  BackgroundThread thread(loop(), "clv-test");
  const std::unique_ptr<int> made = finish(make(thread));
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(*made, 7);
}

Task<std::string> fail(BackgroundThread& thread) {
  const Result<int> got = co_await thread.run(
      []() -> Result<int> { return Error(Code::kUnavailable, Blame::kOperator, "no space left"); });
  co_return std::string(got.error().what());
}

TEST_F(BackgroundTest, AnErrorIsAResultLikeAnother) {
  BackgroundThread thread(loop(), "clv-test");
  EXPECT_EQ(finish(fail(thread)), "no space left");
}

Task<int> change(BackgroundThread& thread) {
  int number = 1;
  co_await thread.run([&number] { number = 2; });
  co_return number;
}

TEST_F(BackgroundTest, WorkMayReturnNothing) {
  BackgroundThread thread(loop(), "clv-test");
  EXPECT_EQ(finish(change(thread)), 2);
}

Task<void> append(BackgroundThread& thread, int number, std::vector<int>& worked, std::vector<int>& resumed) {
  co_await thread.run([number, &worked] { worked.push_back(number); });
  resumed.push_back(number);
}

TEST_F(BackgroundTest, ManyJobsAreDoneAndAwokenInTheOrderTheyWereHandedOver) {
  constexpr int kJobs = 10'000;
  BackgroundThread thread(loop(), "clv-test");
  std::vector<int> worked, resumed, expected;
  for (int number = 0; number < kJobs; ++number) {
    expected.push_back(number);
    spawn(append(thread, number, worked, resumed));
    if (number % 1000 == 0) loop().turn(std::chrono::milliseconds(0));
  }
  ASSERT_TRUE(run_until([&] { return resumed.size() == kJobs; }));
  EXPECT_EQ(worked, expected);
  EXPECT_EQ(resumed, expected);
}

TEST_F(BackgroundTest, WhatIsQueuedWhenItIsDestroyedIsDoneAndAwoken) {
  std::vector<int> worked, resumed;
  std::atomic<bool> pushed_late{false};
  {
    BackgroundThread thread(loop(), "clv-test");
    block(thread);
    for (int number = 0; number < 100; ++number) spawn(append(thread, number, worked, resumed));
    thread.push([&] { thread.push([&] { pushed_late = true; }); });
    gate.set_value();
  }
  EXPECT_EQ(worked.size(), 100U);
  EXPECT_TRUE(pushed_late);
  EXPECT_TRUE(resumed.empty());
  ASSERT_TRUE(run_until([&] { return resumed.size() == 100; }));
}

TEST_F(BackgroundTest, OneThatNeverHadWorkIsDestroyedAtOnce) {
  const BackgroundThread thread(loop(), "clv-test");
}

TEST_F(BackgroundTest, WhatWorkHoldsIsLetGoAsSoonAsItIsDone) {
  BackgroundThread thread(loop(), "clv-test");
  block(thread);  // so that all that follows is one batch
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = held;
  std::promise<bool> gone;
  thread.push([held = std::move(held)] {});
  thread.push([&] { gone.set_value(watched.expired()); });
  gate.set_value();
  EXPECT_TRUE(gone.get_future().get());
}

TEST_F(BackgroundTest, WorkIsPushedFromAnyThread) {
  std::atomic<int> done{0};
  {
    BackgroundThread thread(loop(), "clv-test");
    std::vector<std::thread> pushers;
    for (int i = 0; i < 4; ++i)
      pushers.emplace_back([&] {
        for (int n = 0; n < 1000; ++n) thread.push([&done] { done.fetch_add(1, std::memory_order_relaxed); });
      });
    for (auto& pusher : pushers) pusher.join();
  }
  EXPECT_EQ(done, 4000);
}

}  // namespace
}  // namespace claviger::net
