// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>

#include "base/testing/fake_clock.h"
#include "gateway/destination.h"
#include "gateway/testing/script.h"
#include "gateway/testing/stand.h"

namespace claviger::gateway {
namespace {

using std::chrono::milliseconds;

// An upstream with three addresses, each an accepting socket that says nothing. No time passes: what is out stays out.
struct UpstreamPoolTest : ::testing::Test {
  static constexpr net::ConnectLimits kLimits{std::chrono::seconds(10), std::chrono::seconds(10)};
  static constexpr std::size_t kEndpoints = 3;

  struct Address {
    net::ListeningSocket socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
    testing::Script script;
    std::unique_ptr<net::Acceptor> acceptor;
  };

  base::testing::FakeClock clock;
  testing::Stand stand{1, clock};
  std::unique_ptr<net::Resolver> resolver = *net::Resolver::create(stand.loop());
  std::array<Address, kEndpoints> addresses;
  UpstreamBook book;
  PoolSurroundings around{stand.loop(), *resolver, stand.buffers(), stand.metrics(), {}, &book};
  policy::UpstreamResource resource = stand.resources().upstreams[0];
  UpstreamRuntime upstream;
  std::optional<UpstreamPool> pool;
  Attempts attempts;  // of the call under way

  UpstreamPoolTest() {
    for (Address& each : addresses) {
      each.script.connections.assign(20, {{"never", ""}});
      each.acceptor = each.script.listen(stand.loop(), each.socket.fd);
    }
    resource.base_url.port = addresses[0].socket.bound.port;
    for (std::size_t i = 1; i < kEndpoints; ++i) {
      resource.other_base_urls.push_back(resource.base_url);
      resource.other_base_urls.back() = *http::parse_base_url(
          "http://127.0.0.1:" + std::to_string(addresses[i].socket.bound.port) + "/base");
    }
    make_pool();
  }
  ~UpstreamPoolTest() override {
    for (Address& each : addresses) each.acceptor.reset();
    pool.reset();
    for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(1));
  }

  void make_pool() {
    pool.reset();
    upstream.resource = &resource;
    TrustCache trusts(nullptr);
    ASSERT_TRUE(set_destination(upstream, {}, trusts).has_value());
    pool.emplace(around, upstream);
  }
  void kill(std::size_t endpoint) { addresses[endpoint].acceptor.reset(); }

  Result<UpstreamPool::Lease> acquire() {
    Interruption none;
    return stand.finish(pool->acquire(attempts, kLimits, none));
  }
  // A call of its own: where it went.
  std::size_t call() {
    attempts = Attempts();
    auto lease = acquire();
    CLV_CHECK(lease.has_value());
    lease->answered(200);
    lease->give_back();
    return lease->endpoint();
  }
  void fail(std::size_t endpoint, unsigned times = EndpointHealth::kFailures) {
    for (unsigned i = 0; i < times; ++i) {
      attempts = Attempts();
      attempts.tried.set();
      attempts.tried.reset(endpoint);
      attempts.fresh = true;
      auto lease = acquire();
      CLV_CHECK(lease.has_value());
      lease->failed(UpstreamCount::kFailedClosed);
    }
  }
  std::size_t accepted(std::size_t endpoint) const { return addresses[endpoint].script.received.size(); }
  int endpoints_down() const {
    int down = 0;
    const std::string text = book.expose();
    for (std::size_t at = 0; (at = text.find("endpoint_up{", at)) != std::string::npos; ++at)
      down += text[text.find("} ", at) + 2] == '0' ? 1 : 0;
    return down;
  }
  std::int64_t idle() { return stand.metrics().value(telemetry::Gauge::kUpstreamIdle); }
};

TEST_F(UpstreamPoolTest, TakesEndpointsInTurnAndTheirConnectionsAgain) {
  std::array<std::size_t, kEndpoints> calls{};
  for (int i = 0; i < 9; ++i) ++calls[call()];
  EXPECT_EQ(calls, (std::array<std::size_t, kEndpoints>{3, 3, 3}));
  for (std::size_t i = 0; i < kEndpoints; ++i) EXPECT_EQ(accepted(i), 1U);
  EXPECT_EQ(idle(), 3);
}

TEST_F(UpstreamPoolTest, GoesWhereTheFewestCallsAreUnderWay) {
  auto first = acquire();
  auto second = acquire();
  auto third = acquire();
  EXPECT_NE(first->endpoint(), second->endpoint());
  EXPECT_NE(first->endpoint(), third->endpoint());
  EXPECT_NE(second->endpoint(), third->endpoint());
  const std::size_t free = second->endpoint();
  second->give_back();
  {
    const auto over = *std::move(second);
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(call(), free);
  EXPECT_EQ(pool->stats().value(UpstreamCount::kAnswers2xx), 5U);
}

TEST_F(UpstreamPoolTest, GoesToTheNextWhenNoConnectionCanBeMade) {
  kill(0);
  kill(1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(call(), 2U);
  // Three times each, and then no more.
  EXPECT_EQ(pool->stats().value(UpstreamCount::kFailedConnect), 6U);
  EXPECT_EQ(pool->stats().value(UpstreamCount::kRetries), 6U);
  EXPECT_EQ(endpoints_down(), 2);
}

TEST_F(UpstreamPoolTest, TriesEachEndpointOnceWhenAllAreDead) {
  for (std::size_t i = 0; i < kEndpoints; ++i) kill(i);
  for (int i = 1; i < 6; ++i) {
    attempts = Attempts();
    const auto lease = acquire();
    ASSERT_FALSE(lease.has_value());
    EXPECT_EQ(lease.error().code(), Code::kUpstreamFailed);
    EXPECT_EQ(attempts.retries, kEndpoints - 1);  // health alone refuses nobody
  }
}

TEST_F(UpstreamPoolTest, OnesThatAreOutAreLeftAloneOnceTheTimeToConnectIsOver) {
  for (std::size_t i = 0; i < kEndpoints; ++i) fail(i);
  kill(0);
  attempts = Attempts();
  attempts.hurry = stand.loop().now() - milliseconds(1);
  attempts.tried.set(0);
  EXPECT_FALSE(pool->has_another(attempts));
  attempts.hurry = stand.loop().now() + milliseconds(1000);
  EXPECT_TRUE(pool->has_another(attempts));
}

TEST_F(UpstreamPoolTest, KeepsCallsFromAnEndpointThatFailedThreeTimesInARow) {
  fail(1, 2);
  std::array<std::size_t, kEndpoints> calls{};
  for (int i = 0; i < 3; ++i) ++calls[call()];
  EXPECT_EQ(calls[1], 1U);  // an answer: it begins anew
  fail(1, 3);
  for (int i = 0; i < 6; ++i) EXPECT_NE(call(), 1U);
}

TEST_F(UpstreamPoolTest, AnAnswerOfWhateverStatusIsASuccess) {
  for (int i = 0; i < 12; ++i) {
    attempts = Attempts();
    auto lease = acquire();
    lease->answered(503);
    lease->give_back();
  }
  EXPECT_EQ(pool->stats().value(UpstreamCount::kAnswers5xx), 12U);
  EXPECT_EQ(endpoints_down(), 0);
  for (std::size_t i = 0; i < kEndpoints; ++i) EXPECT_EQ(accepted(i), 1U);
}

TEST_F(UpstreamPoolTest, AFailureWithinAnAnswerIsNoneOfHealth) {
  for (int i = 0; i < 12; ++i) {
    attempts = Attempts();
    auto lease = acquire();
    lease->answered(200);
    lease->failed(UpstreamCount::kFailedProtocol);
  }
  EXPECT_EQ(pool->stats().value(UpstreamCount::kFailedProtocol), 12U);
  std::array<std::size_t, kEndpoints> calls{};
  for (int i = 0; i < 3; ++i) ++calls[call()];
  EXPECT_EQ(calls, (std::array<std::size_t, kEndpoints>{1, 1, 1}));
}

TEST_F(UpstreamPoolTest, APooledConnectionThatWasClosedIsNoneOfHealth) {
  for (int i = 0; i < 12; ++i) {
    call();
    call();
    call();
    attempts = Attempts();
    auto lease = acquire();
    ASSERT_TRUE(lease->is_reused());
    lease->failed(UpstreamCount::kFailedClosed);
  }
  EXPECT_EQ(pool->stats().value(UpstreamCount::kFailedClosed), 0U);
}

TEST_F(UpstreamPoolTest, WhenAllAreOutTheOneThatIsDueFirstIsTaken) {
  fail(2);
  fail(0);
  fail(1);
  attempts = Attempts();
  auto lease = acquire();
  EXPECT_EQ(lease->endpoint(), 2U);
  lease->answered(200);
  {
    const auto over = *std::move(lease);
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(call(), 2U);  // up again, and the only one
}

TEST_F(UpstreamPoolTest, AFreshConnectionIsMadeThoughOthersAreIdle) {
  call();
  call();
  call();
  attempts = Attempts();
  attempts.fresh = true;
  const auto lease = acquire();
  EXPECT_FALSE(lease->is_reused());
  EXPECT_EQ(idle(), 3);
}

TEST_F(UpstreamPoolTest, AtTheLimitItTakesAnIdleConnectionWhereverOneIs) {
  around.limits.connections = 1;
  EXPECT_EQ(call(), 0U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(call(), 0U);
  EXPECT_EQ(accepted(0), 1U);
}

TEST_F(UpstreamPoolTest, AtTheLimitAnIdleConnectionGivesWayToAFreshOne) {
  around.limits.connections = 1;
  call();
  attempts = Attempts();
  attempts.fresh = true;
  {
    const auto lease = acquire();
    ASSERT_TRUE(lease.has_value());
    EXPECT_FALSE(lease->is_reused());
    EXPECT_EQ(idle(), 0);
    attempts = Attempts();
    const auto refused = acquire();
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), Code::kUnavailable);
  }
  call();  // what was in use is not any more
}

TEST_F(UpstreamPoolTest, CountsWhatIsInUseAndWhatWaits) {
  call();
  const auto lease = acquire();
  const std::string text = book.expose();
  EXPECT_NE(text.find("connections{state=\"in_use\",upstream=\"api\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("connections{state=\"idle\",upstream=\"api\"} 1\n"), std::string::npos);
}

TEST_F(UpstreamPoolTest, OneEndpointAloneIsTriedWhateverItsHealth) {
  resource.other_base_urls.clear();
  make_pool();
  fail(0, 10);
  EXPECT_EQ(call(), 0U);
}

TEST_F(UpstreamPoolTest, AsksOthersFirstWhereAPooledConnectionWasStale) {
  attempts = Attempts();
  auto busy = acquire();
  auto busy_too = acquire();
  ASSERT_TRUE(busy.has_value() && busy_too.has_value());
  for (std::size_t i = 0; i < kEndpoints; ++i) {
    if (i == busy->endpoint() || i == busy_too->endpoint()) continue;
    attempts.fresh = true;
    attempts.stale.set(i);
    auto lease = acquire();
    ASSERT_TRUE(lease.has_value());
    EXPECT_NE(lease->endpoint(), i);
  }
}

}  // namespace
}  // namespace claviger::gateway
