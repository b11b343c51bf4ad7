// SPDX-License-Identifier: Apache-2.0
#include "gateway/serve_call.h"

#include <gtest/gtest.h>

#include "gateway/testing/caller.h"
#include "gateway/testing/script.h"

namespace claviger::gateway {
namespace {

using std::chrono::milliseconds;
using telemetry::Counter;
using testing::Caller;

struct ServeCallTest : ::testing::Test {
  net::ListeningSocket socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  testing::Stand stand{socket.bound.port};
  testing::Script script;
  std::unique_ptr<net::Acceptor> acceptor = script.listen(stand.loop(), socket.fd);
  std::optional<Caller> caller{std::in_place, stand};

  ServeCallTest() { script.connections = {{{"\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}}}; }
  ~ServeCallTest() override {
    caller.reset();
    acceptor.reset();
    stand.worker().pools.retire_all();
    for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(1));
  }
  std::uint64_t count(Counter counter) { return stand.metrics().value(counter); }
  void turn(int times) {
    for (int i = 0; i < times; ++i) stand.loop().turn(milliseconds(5));
  }
};

TEST_F(ServeCallTest, EveryCallHasAnEventWhateverCameOfIt) {
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("ok"));
  caller->get("/api/v2/x");
  ASSERT_TRUE(caller->hears("403"));
  ASSERT_EQ(stand.lane().events.size(), 2U);
  EXPECT_NE(stand.lane().events[0].find(R"("principal":"alice")"), std::string::npos);
  EXPECT_NE(stand.lane().events[0].find(R"("grant":"main")"), std::string::npos);
  EXPECT_NE(stand.lane().events[1].find(R"("denied")"), std::string::npos);
  EXPECT_EQ(count(Counter::kAuditEvents), 2U);
  EXPECT_EQ(count(Counter::kAuditWaits), 0U);
}

TEST_F(ServeCallTest, WithoutAnAuditLogNothingWaitsForOne) {
  stand.lane().room_left = false;
  stand.worker().lane = nullptr;
  caller->get("/api/v1/x");
  EXPECT_TRUE(caller->hears("ok"));
  EXPECT_TRUE(stand.lane().events.empty());
}

TEST_F(ServeCallTest, ARequestWaitsForRoomAndIsThenDecidedByTheNewestWorld) {
  stand.lane().room_left = false;
  caller->get("/api/v1/x");
  turn(10);
  EXPECT_TRUE(script.received.empty());
  EXPECT_EQ(caller->heard(), "");
  policy::Resources resources = stand.resources();
  resources.principals[0].disabled = true;
  stand.adopt(std::move(resources));
  stand.lane().room_left = true;
  ASSERT_TRUE(caller->hears("401"));
  EXPECT_TRUE(script.received.empty());
  EXPECT_EQ(count(Counter::kAuditWaits), 1U);
  EXPECT_EQ(stand.lane().events.size(), 1U);
}

TEST_F(ServeCallTest, ARequestIsRefusedWhenThereIsNoRoomInTime) {
  stand.shared().lane_timeout = milliseconds(100);
  stand.lane().room_left = false;
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("unavailable"));
  EXPECT_NE(caller->heard().find("HTTP/1.1 503"), std::string::npos);
  EXPECT_NE(caller->heard().find("Retry-After: "), std::string::npos);
  EXPECT_TRUE(stand.lane().events.empty());
  EXPECT_TRUE(script.received.empty());
  EXPECT_EQ(count(Counter::kAuditRefused), 1U);
  // And the connection goes on.
  stand.lane().room_left = true;
  caller->get("/api/v1/x");
  EXPECT_TRUE(caller->hears("ok"));
}

TEST_F(ServeCallTest, ACallerThatHangsUpEndsTheWait) {
  stand.lane().room_left = false;
  caller->get("/api/v1/x");
  turn(3);
  caller->hang_up();
  ASSERT_TRUE(stand.run_until([&] { return caller->is_over(); }));
  EXPECT_EQ(count(Counter::kAuditRefused), 0U);
  EXPECT_EQ(count(Counter::kCallerGone), 1U);
  EXPECT_TRUE(stand.lane().events.empty());
}

TEST_F(ServeCallTest, BytesThatComeMeanwhileNeitherEndTheWaitNorAreLost) {
  stand.lane().room_left = false;
  caller->say("POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 6\r\n\r\n");
  turn(3);
  caller->say("abc");
  turn(3);
  caller->say("def");
  turn(3);
  EXPECT_TRUE(script.received.empty());
  stand.lane().room_left = true;
  ASSERT_TRUE(caller->hears("ok"));
  EXPECT_TRUE(stand.run_until([&] { return script.received[0].ends_with("\r\n\r\nabcdef"); }));
}

TEST_F(ServeCallTest, AnUnreadableHeadIsRecordedWhenThereIsRoomAndToldOfAsANumberWhenNot) {
  caller->say("GET / HTTP/9.9\r\n\r\n");
  ASSERT_TRUE(caller->hears("400"));
  EXPECT_EQ(stand.lane().events.size(), 1U);
  stand.lane().room_left = false;
  Caller other(stand);
  other.say("GET / HTTP/9.9\r\n\r\n");
  ASSERT_TRUE(other.hears("400"));
  EXPECT_EQ(stand.lane().events.size(), 1U);
  EXPECT_EQ(count(Counter::kAuditRefusalsCounted), 1U);
  stand.lane().room_left = true;
  report_all_refusals(stand.worker());
  ASSERT_EQ(stand.lane().events.size(), 2U);
  EXPECT_THAT(stand.lane().events.back(), ::testing::HasSubstr(R"("type":"calls.refused","count":1,)"
                                                               R"("codes":{"bad_request":1},)"));
}

TEST_F(ServeCallTest, StrangersCannotFillTheLogHoweverManyRequestsTheySend) {
  stand.worker().settings.unauthenticated = {1'000'000, std::chrono::seconds(60)};
  for (std::uint32_t i = 0; i < Refusals::kBurst + 5; ++i) {
    Caller stranger(stand);
    stranger.say("GET /api/v1/x HTTP/1.1\r\nHost: g\r\n\r\n");
    ASSERT_TRUE(stranger.hears("401"));
  }
  EXPECT_EQ(stand.lane().events.size(), Refusals::kBurst);
  EXPECT_EQ(count(Counter::kAuditRefusalsCounted), 5U);
  caller->get("/api/v1/x");  // who is known has an event each
  ASSERT_TRUE(caller->hears("ok"));
  EXPECT_EQ(stand.lane().events.size(), Refusals::kBurst + 1);
  report_all_refusals(stand.worker());
  EXPECT_THAT(stand.lane().events.back(),
              ::testing::HasSubstr(R"("codes":{"unauthenticated":5},"addresses":[{"address":")"));
}

TEST_F(ServeCallTest, AKeyIsNoLeaveToFillTheLogWithRefusals) {
  script.connections.assign(2, script.connections[0]);
  for (std::uint32_t i = 0; i < kPrincipalRefusals.calls + 5; ++i) {
    Caller refused(stand);
    refused.get(i % 2 == 0 ? "/api/v2/x" : "/nowhere");
    ASSERT_TRUE(refused.hears(i % 2 == 0 ? "403" : "404"));
  }
  const std::size_t told = stand.lane().events.size();
  EXPECT_GE(told, kPrincipalRefusals.calls);
  EXPECT_LT(told, kPrincipalRefusals.calls + 5);  // a second or more may have passed
  const std::uint64_t counted = kPrincipalRefusals.calls + 5 - told;
  EXPECT_EQ(count(Counter::kAuditRefusalsCounted), counted);

  caller->get("/api/v1/x");  // what is let through has an event each
  ASSERT_TRUE(caller->hears("ok"));
  ASSERT_EQ(stand.lane().events.size(), told + 1);
  EXPECT_THAT(stand.lane().events.back(), ::testing::HasSubstr(R"("decision":"allowed")"));
  report_all_refusals(stand.worker());
  ASSERT_EQ(stand.lane().events.size(), told + 2);
  EXPECT_THAT(stand.lane().events.back(),
              ::testing::HasSubstr(R"("principals":[{"principal":"alice","count":)" +
                                   std::to_string(counted) + "}]"));
  report_all_refusals(stand.worker());
  EXPECT_EQ(stand.lane().events.size(), told + 2);
}

TEST_F(ServeCallTest, ThatOnePrincipalIsRefusedTooOftenHidesNobodyElsesRefusals) {
  const std::uint64_t alice = stand.shared().limit_keys.of(0, "alice");
  const std::uint64_t bob = stand.shared().limit_keys.of(0, "bob");
  while (stand.shared().refusal_cells.take(bob, kPrincipalRefusals, stand.loop().now()).allowed) {
  }
  caller->get("/api/v2/x");
  ASSERT_TRUE(caller->hears("403"));
  EXPECT_EQ(stand.lane().events.size(), 1U);
  // Whichever worker they came to.
  while (stand.shared().refusal_cells.take(alice, kPrincipalRefusals, stand.loop().now()).allowed) {
  }
  Caller other(stand);
  other.get("/api/v2/x");
  ASSERT_TRUE(other.hears("403"));
  EXPECT_EQ(stand.lane().events.size(), 1U);
  EXPECT_EQ(count(Counter::kAuditRefusalsCounted), 1U);
}

TEST_F(ServeCallTest, OfARefusedCallAsMuchIsShownAsIsSaid) {
  const std::string path = "/api/v2/" + std::string(4000, 'x'), query = "?" + std::string(60, 'q') + "=";
  std::string queries = query;
  for (int i = 0; i < 40; ++i) queries += "&" + query.substr(1);
  caller->get(path + queries);
  ASSERT_TRUE(caller->hears("403"));
  ASSERT_EQ(stand.lane().events.size(), 1U);
  EXPECT_LT(stand.lane().events[0].size(), 4096U);
  EXPECT_THAT(stand.lane().events[0], ::testing::HasSubstr("\"" + path.substr(0, 1024) + "\""));
  caller->get("/api/v1/" + std::string(4000, 'x'));
  ASSERT_TRUE(caller->hears("ok"));
  EXPECT_GT(stand.lane().events[1].size(), 4000U);
}

TEST_F(ServeCallTest, ACallUnderWayIsRecordedThoughTheLaneIsFull) {
  script.connections = {{{"\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok"}, {"go", "ay"}}};
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("ok"));
  stand.lane().room_left = false;
  caller->hang_up();
  ASSERT_TRUE(stand.run_until([&] { return caller->is_over(); }));
  EXPECT_EQ(stand.lane().events.size(), 1U);
}

struct QuotaTest : ServeCallTest {
  std::vector<std::function<void(Result<void>)>> saves;

  void give_quota(std::uint64_t calls, std::optional<policy::Rate> rate = {}) {
    policy::Resources resources = stand.resources();
    for (policy::GrantResource& grant : resources.grants) {
      if (grant.name != "main") continue;
      grant.quota = policy::Quota{calls, std::chrono::hours(24)};
      grant.rate = rate;
    }
    stand.adopt(std::move(resources));
  }
  void hold_saves() {
    stand.save_leases = [this](auto done) { saves.push_back(std::move(done)); };
  }
  void wait_for_save() {
    ASSERT_TRUE(stand.run_until([this] { return !saves.empty(); }));
  }
};

TEST_F(QuotaTest, ACallWaitsUntilItsLeaseIsSaved) {
  give_quota(1000);
  hold_saves();
  caller->get("/api/v1/x");
  wait_for_save();
  turn(3);
  EXPECT_TRUE(script.received.empty());
  saves[0](ok());
  ASSERT_TRUE(caller->hears("ok"));
  caller->get("/api/v1/x");  // of the same lease
  EXPECT_EQ(saves.size(), 1U);
}

TEST_F(QuotaTest, AQuotaThatIsUsedUpIsRefusedWithTheTimeOfItsNextWindow) {
  give_quota(1);
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("ok"));
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("limited"));
  EXPECT_NE(caller->heard().find("HTTP/1.1 429"), std::string::npos);
  EXPECT_NE(caller->heard().find("RateLimit-Policy: \"quota\";q=1;w=86400"), std::string::npos);
  EXPECT_NE(caller->heard().find("RateLimit: \"quota\";r=0;t="), std::string::npos);
  EXPECT_NE(caller->heard().find("Retry-After: "), std::string::npos);
  EXPECT_EQ(script.received.size(), 1U);
}

TEST_F(QuotaTest, WhatCannotBeCountedIsNotCalled) {
  give_quota(1000);
  stand.save_leases = [](auto done) { done(Error(Code::kUnavailable, Blame::kOperator, "no space left")); };
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("503"));
  EXPECT_TRUE(script.received.empty());
}

TEST_F(QuotaTest, WhoIsRevokedWhileWaitingIsRefused) {
  give_quota(1000);
  hold_saves();
  caller->get("/api/v1/x");
  wait_for_save();
  policy::Resources resources = stand.resources();
  resources.principals[0].disabled = true;
  stand.adopt(std::move(resources));
  saves[0](ok());
  ASSERT_TRUE(caller->hears("401"));
  EXPECT_TRUE(script.received.empty());
  EXPECT_EQ(stand.lane().events.size(), 1U);
}

TEST_F(QuotaTest, AGrantThatLosesItsQuotaMeanwhileLetsTheCallThrough) {
  give_quota(1000);
  hold_saves();
  caller->get("/api/v1/x");
  wait_for_save();
  stand.adopt(stand.resources());
  saves[0](ok());
  EXPECT_TRUE(caller->hears("ok"));
}

TEST_F(QuotaTest, ACallThatWaitedIsCountedByRateOnce) {
  give_quota(1000, policy::Rate{1, std::chrono::hours(1)});
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("ok"));
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("limited"));
  EXPECT_NE(caller->heard().find("RateLimit-Policy: \"grant\";q=1;w=3600"), std::string::npos);
}

TEST_F(QuotaTest, WithoutCountersAGrantWithAQuotaGivesNothing) {
  stand.shared().quota_cells = nullptr;
  give_quota(1000);
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("503"));
  EXPECT_TRUE(script.received.empty());
}

}  // namespace
}  // namespace claviger::gateway
