// SPDX-License-Identifier: Apache-2.0
#include "gateway/disk_queue.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "gateway/testing/fake_lane.h"
#include "net/stream.h"
#include "net/task.h"
#include "net/testing/loop_fixture.h"

namespace claviger::gateway {
namespace {

using namespace std::chrono_literals;

// Calls that wait on one queue, each with a caller of its own.
struct DiskQueueTest : net::testing::LoopFixture, ::testing::Test {
  struct Waiting {
    explicit Waiting(net::Loop& loop) : caller(loop) {}
    net::testing::StreamPair caller;
    Interruption interruption;
    std::optional<Result<void>> outcome;
  };

  DiskQueueTest() { lane_.disk_works = false; }
  ~DiskQueueTest() override {
    lane_.sync();
    queue_.look();
  }

  std::unique_ptr<Waiting> wait(const std::string& name) {
    auto waiting = std::make_unique<Waiting>(loop());
    lane_.append("{\"call\":\"" + name + "\"}");
    net::spawn(run(*waiting, name));
    return waiting;
  }
  net::Task<void> run(Waiting& waiting, std::string name) {
    waiting.outcome.emplace(
        co_await DiskQueue::Wait(queue_, waiting.caller.near->source(), waiting.interruption));
    order_ += name;
  }
  static Code code(const Waiting& waiting) { return waiting.outcome->error().code(); }

  testing::FakeLane lane_;
  DiskQueue queue_{loop(), lane_, 200ms};
  std::string order_;
};

TEST_F(DiskQueueTest, ACallGoesOnOnceItsOwnEventIsOnDiskAndNotBefore) {
  const auto a = wait("a");
  const auto b = wait("b");
  EXPECT_EQ(lane_.hurries, 2U);
  queue_.look();
  EXPECT_EQ(order_, "");
  lane_.sync(1);
  queue_.look();
  EXPECT_EQ(order_, "a");
  EXPECT_TRUE(a->outcome->has_value());
  lane_.sync(2);
  queue_.look();
  EXPECT_EQ(order_, "ab");
}

TEST_F(DiskQueueTest, OneLookIsEnoughForManyAndTheyGoOnInTheirOrder) {
  const auto a = wait("a");
  const auto b = wait("b");
  const auto c = wait("c");
  lane_.sync();
  queue_.look();
  EXPECT_EQ(order_, "abc");
}

TEST_F(DiskQueueTest, WhatIsOnDiskAlreadyIsNotWaitedFor) {
  lane_.disk_works = true;
  const auto a = wait("a");
  ASSERT_TRUE(a->outcome.has_value());
  EXPECT_TRUE(a->outcome->has_value());
}

TEST_F(DiskQueueTest, AFailingDiskEndsAllThatWaitAndWhoeverComesThen) {
  const auto a = wait("a");
  lane_.fail(true);
  queue_.look();
  ASSERT_TRUE(a->outcome.has_value());
  EXPECT_EQ(code(*a), Code::kUnavailable);
  const auto b = wait("b");
  ASSERT_TRUE(b->outcome.has_value());
  EXPECT_EQ(code(*b), Code::kUnavailable);
  // What was on disk before it failed is on disk.
  lane_.fail(false);
  const auto c = wait("c");
  lane_.sync();
  lane_.fail(true);
  queue_.look();
  EXPECT_TRUE(c->outcome->has_value());
}

TEST_F(DiskQueueTest, NobodyWaitsForLongerThanTheLimit) {
  const auto a = wait("a");
  ASSERT_TRUE(run_until([&] { return a->outcome.has_value(); }));
  EXPECT_EQ(code(*a), Code::kUnavailable);
  // And the limit is each one's own.
  const auto b = wait("b");
  for (int i = 0; i < 10; ++i) loop().turn(10ms);
  const auto c = wait("c");
  ASSERT_TRUE(run_until([&] { return b->outcome.has_value(); }));
  EXPECT_FALSE(c->outcome.has_value());
  ASSERT_TRUE(run_until([&] { return c->outcome.has_value(); }));
}

TEST_F(DiskQueueTest, ACallerThatHangsUpEndsItsOwnWaitAlone) {
  const auto a = wait("a");
  const auto b = wait("b");
  const auto c = wait("c");
  b->caller.far.reset();
  ASSERT_TRUE(run_until([&] { return b->outcome.has_value(); }));
  EXPECT_EQ(code(*b), Code::kCancelled);
  lane_.sync();
  queue_.look();
  EXPECT_EQ(order_, "bac");
}

TEST_F(DiskQueueTest, AnInterruptionEndsTheWait) {
  const auto a = wait("a");
  const auto b = wait("b");
  a->interruption.interrupt();
  EXPECT_EQ(code(*a), Code::kCancelled);
  EXPECT_FALSE(b->outcome.has_value());
  lane_.sync();
  queue_.look();
  EXPECT_EQ(order_, "ab");
}

TEST_F(DiskQueueTest, ACallThatComesBackAtOnceWaitsForTheNextSync) {
  const auto a = wait("a");
  std::unique_ptr<Waiting> again;
  std::unique_ptr<Waiting> first = wait("b");
  net::spawn([](DiskQueueTest& test, std::unique_ptr<Waiting>& next) -> net::Task<void> {
    Waiting here(test.loop());
    (void)co_await DiskQueue::Wait(test.queue_, here.caller.near->source(), here.interruption);
    next = test.wait("c");
  }(*this, again));
  lane_.sync();
  queue_.look();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->outcome.has_value());
  EXPECT_EQ(order_, "ab");
  lane_.sync();
  queue_.look();
  EXPECT_EQ(order_, "abc");
}

TEST_F(DiskQueueTest, AWaitThatIsDroppedIsForgotten) {
  const auto a = wait("a");
  {
    Waiting dropped(loop());
    lane_.append("{\"call\":\"d\"}");
    const auto task = run(dropped, "d");
    task.handle().resume();
  }
  lane_.sync();
  queue_.look();
  EXPECT_EQ(order_, "a");
}

TEST_F(DiskQueueTest, NewsOfTheWritersThreadReachTheLoopOnceForMany) {
  const auto news = std::make_shared<DiskNews>();
  const auto bell = DiskNews::bell(news);
  bell();  // nobody there yet
  news->open(loop(), queue_);
  const auto a = wait("a");
  const auto b = wait("b");
  lane_.sync();
  std::thread([&bell] {
    for (int i = 0; i < 100; ++i) bell();
  }).join();
  EXPECT_EQ(order_, "");
  loop().turn(1s);
  EXPECT_EQ(order_, "ab");
  news->close();
  bell();
}

}  // namespace
}  // namespace claviger::gateway
