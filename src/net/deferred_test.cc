// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "net/testing/loop_fixture.h"

namespace claviger::net {
namespace {

using ::testing::ElementsAre;

struct DeferredTest : ::testing::Test, testing::LoopFixture {
  struct Work final : Deferred {
    Work(std::vector<std::string>& into, std::string as) : said(into), name(std::move(as)) {}
    void on_turn() noexcept override {
      said.push_back(name);
      if (then) then();
    }
    std::vector<std::string>& said;
    std::string name;
    std::function<void()> then;
  };
  void turn() { loop().turn(std::chrono::milliseconds(0)); }

  std::vector<std::string> said;
  Work first{said, "first"}, second{said, "second"}, third{said, "third"};
};

TEST_F(DeferredTest, OneRunsInEachTurnAndTheNewestComesFirst) {
  loop().defer(first);
  loop().defer(second);
  turn();
  EXPECT_THAT(said, ElementsAre("second"));
  loop().defer(third);
  turn();
  turn();
  EXPECT_THAT(said, ElementsAre("second", "third", "first"));
  turn();
  EXPECT_EQ(said.size(), 3U);
}

TEST_F(DeferredTest, AllElseOfTheTurnComesBefore) {
  loop().defer(first);
  loop().post([this] { said.emplace_back("posted"); });
  turn();
  EXPECT_THAT(said, ElementsAre("posted", "first"));
}

TEST_F(DeferredTest, ALoopWithWorkThatWaitsDoesNotSleep) {
  loop().defer(first);
  loop().turn(std::chrono::hours(1));
  EXPECT_THAT(said, ElementsAre("first"));
}

TEST_F(DeferredTest, WhatIsTakenBackIsNotRun) {
  loop().defer(first);
  loop().defer(second);
  second.then = [this] { loop().undefer(first); };
  turn();
  turn();
  EXPECT_THAT(said, ElementsAre("second"));
}

TEST_F(DeferredTest, WorkMayDeferItselfAgain) {
  first.then = [this] {
    if (said.size() < 3) loop().defer(first);
  };
  loop().defer(first);
  for (int i = 0; i < 5; ++i) turn();
  EXPECT_THAT(said, ElementsAre("first", "first", "first"));
}

}  // namespace
}  // namespace claviger::net
