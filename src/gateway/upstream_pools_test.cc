// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream_pools.h"

#include <gtest/gtest.h>

#include <string>

#include "gateway/testing/script.h"
#include "gateway/testing/stand.h"
#include "policy/draft.h"

namespace claviger::gateway {
namespace {

using std::chrono::milliseconds;

struct UpstreamPoolsTest : ::testing::Test {
  net::ListeningSocket socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  testing::Stand stand{socket.bound.port};
  testing::Script script;
  std::unique_ptr<net::Acceptor> acceptor = script.listen(stand.loop(), socket.fd);
  UpstreamPools& pools = stand.worker().pools;

  UpstreamPoolsTest() { script.connections = {{{"never", ""}}, {{"never", ""}}, {{"never", ""}}}; }
  ~UpstreamPoolsTest() override {
    acceptor.reset();
    pools.retire_all();
    for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(1));
  }

  static constexpr net::ConnectLimits kLimits{std::chrono::seconds(10), std::chrono::seconds(10)};

  Result<UpstreamPool::Lease> acquire(UpstreamPool& pool) {
    Interruption none;
    Attempts attempts;
    return stand.finish(pool.acquire(attempts, kLimits, none));
  }
  // A connection of the upstream is opened, and left idle.
  void warm_up(UpstreamPool& pool) {
    auto lease = acquire(pool);
    ASSERT_TRUE(lease.has_value());
    lease->give_back();
  }
  UpstreamPool& current(policy::UpstreamIndex index) { return WorldUse(pools)->pool(index); }
  std::int64_t idle() { return stand.metrics().value(telemetry::Gauge::kUpstreamIdle); }
};

TEST_F(UpstreamPoolsTest, AnUpstreamThatStaysTheSameKeepsItsConnections) {
  UpstreamPool& pool = current(0);
  warm_up(pool);
  policy::Resources resources = stand.resources();
  resources.upstreams[0].timeouts.idle = milliseconds(7);
  stand.adopt(resources);
  EXPECT_EQ(&current(0), &pool);
  std::swap(resources.upstreams[0], resources.upstreams[2]);
  stand.adopt(std::move(resources));
  EXPECT_EQ(&current(2), &pool);
  EXPECT_EQ(idle(), 1);
}

TEST_F(UpstreamPoolsTest, BaseUrlsInAnotherOrderAreTheSame) {
  policy::Resources resources = stand.resources();
  policy::UpstreamResource& upstream = resources.upstreams[0];
  upstream.other_base_urls = {*http::parse_base_url("http://127.0.0.2:1/base")};
  stand.adopt(resources);
  UpstreamPool& pool = current(0);
  std::swap(resources.upstreams[0].base_url, resources.upstreams[0].other_base_urls[0]);
  stand.adopt(resources);
  EXPECT_EQ(&current(0), &pool);
  const std::string key = pool.key();  // the pool goes, and the next may lie where it lay
  resources.upstreams[0].other_base_urls[0].port = 2;
  stand.adopt(std::move(resources));
  EXPECT_NE(current(0).key(), key);
}

TEST_F(UpstreamPoolsTest, WhatConnectionsDependOnRetiresThem) {
  warm_up(current(0));
  EXPECT_EQ(idle(), 1);
  policy::Resources resources = stand.resources();
  resources.upstreams[0].allow_private_addresses.all = false;
  stand.adopt(std::move(resources));
  EXPECT_EQ(idle(), 0);
}

TEST_F(UpstreamPoolsTest, ARemovedUpstreamsConnectionInUseIsClosedWhenItComesBack) {
  auto use = std::make_optional<WorldUse>(pools);
  std::optional<UpstreamPool::Lease> lease(*acquire((*use)->pool(2)));
  policy::Draft draft((*use)->world().policy);
  ASSERT_TRUE(draft.remove(policy::Kind::kGrant, "bare").has_value());
  ASSERT_TRUE(draft.remove(policy::Kind::kUpstream, "bare").has_value());
  stand.adopt(*build_world(*draft.finish(2), pools.current(), {}, stand.key(), stand.secrets(), nullptr));
  lease->give_back();
  lease.reset();
  EXPECT_EQ(idle(), 0);
  EXPECT_EQ(pools.worlds(), 2U);
  use.reset();
  EXPECT_EQ(pools.worlds(), 1U);
}

TEST_F(UpstreamPoolsTest, ALongCallPinsTheWorldItBeganWithAndNoOther) {
  const WorldUse use(pools);
  for (int i = 0; i < 100; ++i) stand.adopt(stand.resources());
  EXPECT_EQ(pools.worlds(), 2U);
  for (int i = 0; i < 100; ++i) {
    const WorldUse short_one(pools);
    stand.adopt(stand.resources());
  }
  EXPECT_EQ(pools.worlds(), 2U);
}

TEST_F(UpstreamPoolsTest, AConnectionThatNobodyWaitsForAnyMoreIsTheNextCallers) {
  Interruption interruption;
  Attempts attempts;
  UpstreamPool& pool = current(0);
  std::optional<Result<UpstreamPool::Lease>> outcome;
  struct Run {
    static net::Task<void> into(net::Task<Result<UpstreamPool::Lease>> task,
                                std::optional<Result<UpstreamPool::Lease>>& out) {
      out.emplace(co_await std::move(task));
    }
  };
  net::spawn(Run::into(pool.acquire(attempts, kLimits, interruption), outcome));
  ASSERT_FALSE(outcome.has_value());
  interruption.interrupt();
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->error().code(), Code::kCancelled);
  EXPECT_TRUE(stand.run_until([&] { return idle() == 1; }));
}

TEST_F(UpstreamPoolsTest, APoolThatGoesWhileItConnectsIsNotMissed) {
  Interruption interruption;
  Attempts attempts;
  auto use = std::make_optional<WorldUse>(pools);
  std::optional<Result<UpstreamPool::Lease>> outcome;
  struct Run {
    static net::Task<void> into(net::Task<Result<UpstreamPool::Lease>> task,
                                std::optional<Result<UpstreamPool::Lease>>& out) {
      out.emplace(co_await std::move(task));
    }
  };
  net::spawn(Run::into((*use)->pool(0).acquire(attempts, kLimits, interruption), outcome));
  policy::Resources resources = stand.resources();
  resources.upstreams[0].base_url.port = 2;
  stand.adopt(std::move(resources));
  interruption.interrupt();
  use.reset();  // world and pool go
  EXPECT_TRUE(stand.run_until([&] { return !script.closed.empty() && script.closed[0]; }));
  EXPECT_EQ(idle(), 0);
}

// The stand's world, with another upstream in place of its first, whose credentials have connections of their own by these keys.
std::shared_ptr<const World> world_with(const World& stand, const std::vector<std::string>& keys) {
  const UpstreamRuntime& first = *(*stand.upstreams)[0];
  auto runtime = std::make_shared<UpstreamRuntime>();
  runtime->source = first.source;
  runtime->resource = first.resource;
  runtime->endpoints = first.endpoints;
  runtime->pool_key = first.pool_key;
  for (const std::string& key : keys) {
    ReadyCredential& credential = runtime->credentials.emplace_back();
    credential.endpoints = first.endpoints;
    credential.pool_key = key;
  }
  auto table = std::make_shared<UpstreamTable>(*stand.upstreams);
  (*table)[0] = std::move(runtime);
  auto world = std::make_shared<World>(stand);
  world->upstreams = std::move(table);
  return world;
}

TEST_F(UpstreamPoolsTest, ACredentialThatIsShownInTheHandshakeHasConnectionsOfItsOwn) {
  const auto credential = [&](std::size_t i) -> const ReadyCredential& {
    return (*pools.current()->upstreams)[0]->credentials[i];
  };
  const auto pool = [&](std::size_t i) { return &WorldUse(pools)->pool(0, credential(i)); };
  stand.adopt(world_with(stand.world(), {"one 1", "two 1"}));
  UpstreamPool* const one = pool(0);
  UpstreamPool* const two = pool(1);
  EXPECT_NE(one, two);
  EXPECT_NE(one, &current(0));
  EXPECT_EQ(pool(0), one);
  warm_up(*one);
  warm_up(*two);
  EXPECT_EQ(idle(), 2);
  // Another version of the first: its connections are closed, and those of the second are kept, wherever it stands.
  stand.adopt(world_with(stand.world(), {"two 1", "one 2"}));
  EXPECT_EQ(idle(), 1);
  EXPECT_EQ(pool(0), two);
  EXPECT_EQ(pool(1)->key(), "one 2");
  warm_up(*pool(1));
  pools.retire_all();
  EXPECT_EQ(idle(), 0);
}

TEST_F(UpstreamPoolsTest, NothingIsKeptIdleOnceItDrains) {
  pools.retire_all();
  acquire(current(0))->give_back();
  EXPECT_EQ(idle(), 0);
}

}  // namespace
}  // namespace claviger::gateway
