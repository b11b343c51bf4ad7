// SPDX-License-Identifier: Apache-2.0
#include "server/quotas.h"

#include <gtest/gtest.h>

#include <optional>

#include "net/testing/loop_fixture.h"
#include "store/testing/memory_store.h"

namespace claviger::server {
namespace {

using Kind = policy::QuotaDecision::Kind;

constexpr WallTime kNoon{std::chrono::sys_days(std::chrono::year(2026) / 6 / 1) + std::chrono::hours(12)};
constexpr policy::Quota kDaily{1000, std::chrono::hours(24)};

struct QuotasTest : ::testing::Test, net::testing::LoopFixture {
  std::shared_ptr<store::testing::MemoryDisk> disk = std::make_shared<store::testing::MemoryDisk>();
  std::optional<store::testing::MemoryStore> store;
  std::optional<Quotas> quotas;
  std::optional<net::BackgroundThread> thread;

  void start() {
    thread.reset();
    quotas.reset();
    store.emplace(disk);
    quotas.emplace(loop());
    thread.emplace(loop(), "clv-store");
    ASSERT_TRUE(quotas->load(*store, *thread).has_value());
  }
  Kind take() {
    const auto decision = quotas->cells().take(1, kDaily, kNoon);
    if (decision.kind != Kind::kNeedsLease) return decision.kind;
    return finish(quotas->leases().wait(loop(), {"grant", "principal", 1, kDaily, kNoon}))->kind;
  }
};

TEST_F(QuotasTest, WhatWasLeasedCountsInTheNextProcess) {
  start();
  for (int i = 0; i < 600; ++i) ASSERT_EQ(take(), Kind::kTaken);
  start();
  int taken = 0;
  while (take() == Kind::kTaken) ++taken;
  EXPECT_GE(taken, 380);
  EXPECT_LE(taken, 400);
}

TEST_F(QuotasTest, CountersThatAreOfNoMoreUseLeaveTheStore) {
  start();
  ASSERT_EQ(take(), Kind::kTaken);
  EXPECT_EQ(store->counters()->size(), 1U);
  quotas->sweep(kNoon + std::chrono::hours(24 * 100));
  thread.reset();  // has done what was queued
  loop().turn(std::chrono::milliseconds(0));
  EXPECT_TRUE(store->counters()->empty());
}

TEST_F(QuotasTest, WithoutAStoreTheyCountForAsLongAsTheProcessLives) {
  quotas.emplace(loop());
  int taken = 0;
  while (take() == Kind::kTaken) ++taken;
  EXPECT_EQ(taken, 1000);
}

}  // namespace
}  // namespace claviger::server
