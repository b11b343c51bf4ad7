// SPDX-License-Identifier: Apache-2.0
// Calls of the gateway's own doors: who they are said to be is who they are, and everything else is as for any call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/testing/caller.h"
#include "gateway/testing/script.h"
#include "gateway/testing/stand.h"
#include "net/listener.h"
#include "net/testing/skipping_clock.h"

namespace claviger::gateway {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

struct DoorCallTest : ::testing::Test {
  testing::Stand stand;
  DoorCaller door{.door = "dns", .principal = "alice"};

  Result<void> decide(const std::string& text, Call& call) {
    call = stand.call(text);
    call.door = &door;
    call.world = stand.worker().pools.current();
    return stand.run(call);
  }
  Code refusal(const std::string& text) {
    Call call;
    const auto outcome = decide(text, call);
    EXPECT_FALSE(outcome.has_value());
    return outcome.has_value() ? Code::kInternal : outcome.error().code();
  }
  static std::string get(const std::string& target, const std::string& fields = "") {
    return "GET " + target + " HTTP/1.1\r\nHost: gw\r\n" + fields + "\r\n";
  }
};

TEST_F(DoorCallTest, IsOfThePrincipalThatItStandsForWithoutAnyProof) {
  Call call;
  ASSERT_TRUE(decide(get("/api/v1/models"), call).has_value());
  EXPECT_EQ(call.principal->name, "alice");
  EXPECT_EQ(call.key, nullptr);
  EXPECT_EQ(call.credential->credential->name(), "api-main");
}

TEST_F(DoorCallTest, GetsNoFurtherThanThatPrincipal) {
  EXPECT_EQ(refusal(get("/api/v2/models")), Code::kDenied);
  EXPECT_EQ(refusal(get("/api/v1/keys/new")), Code::kDenied);
  EXPECT_EQ(refusal(get("/other")), Code::kNoUpstream);
  for (int i = 0; i < 5; ++i) {
    Call call;
    EXPECT_TRUE(decide(get("/api/v1/limited"), call).has_value());
  }
  EXPECT_EQ(refusal(get("/api/v1/limited")), Code::kLimited);
}

TEST_F(DoorCallTest, IsNobodyElseWhateverKeyItsRequestHolds) {
  door.principal = "nobody-of-that-name";
  EXPECT_EQ(refusal(get("/api/v1/models", "X-API-Key: $KEY\r\n")), Code::kUnauthenticated);
}

TEST_F(DoorCallTest, IsRefusedWhileItsPrincipalIsDisabled) {
  policy::Resources resources = stand.resources();
  for (auto& principal : resources.principals) principal.disabled = true;
  stand.adopt(std::move(resources));
  EXPECT_EQ(refusal(get("/api/v1/models")), Code::kUnauthenticated);
}

// Whoever shares its address, loopback, must not be slowed for it.
TEST_F(DoorCallTest, CountsForNoAddressWhenItIsRefused) {
  stand.worker().settings.unauthenticated = {1, std::chrono::hours(1)};
  door.principal = "gone";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(refusal(get("/api/v1/models")), Code::kUnauthenticated);
}

struct DoorStreamTest : ::testing::Test {
  net::ListeningSocket socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  net::testing::SkippingClock clock;
  testing::Stand stand{socket.bound.port, clock};
  testing::Script script;
  std::unique_ptr<net::Acceptor> acceptor = script.listen(stand.loop(), socket.fd);
  DoorCaller door{.door = "dns", .principal = "alice"};
  std::optional<testing::Caller> caller;

  ~DoorStreamTest() override {
    caller.reset();
    acceptor.reset();
    stand.worker().pools.retire_all();
    for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(1));
  }
  void begin() {
    script.connections.push_back(
        {{"\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}});
    caller.emplace(stand, &door);
    caller->say("GET /api/v1/events HTTP/1.1\r\nHost: g\r\n\r\n");
    ASSERT_TRUE(caller->hears("hello"));
  }
};

TEST_F(DoorStreamTest, EndsTheMomentThatItsPrincipalIsDisabled) {
  begin();
  policy::Resources resources = stand.resources();
  for (auto& principal : resources.principals) principal.disabled = true;
  stand.adopt(std::move(resources));
  EXPECT_TRUE(stand.run_until([&] { return caller->is_over(); }));
  EXPECT_TRUE(caller->was_aborted());
}

TEST_F(DoorStreamTest, GoesOnThroughChangesThatDoNotConcernIt) {
  begin();
  stand.adopt(stand.resources());
  for (int i = 0; i < 5; ++i) stand.loop().turn(milliseconds(1));
  EXPECT_FALSE(caller->is_over());
}

TEST_F(DoorStreamTest, IsRecordedAsTheDoors) {
  script.connections.push_back({{"\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}});
  caller.emplace(stand, &door);
  caller->say("GET /api/v1/x HTTP/1.1\r\nHost: g\r\n\r\n");
  ASSERT_TRUE(caller->hears("ok"));
  ASSERT_TRUE(stand.run_until([&] { return !stand.lane().events.empty(); }));
  const std::string event = stand.lane().events.back();
  EXPECT_THAT(event, HasSubstr(R"("principal":"alice","auth":"door","door":"dns")"));
  EXPECT_THAT(event, Not(HasSubstr("key_id")));
}

}  // namespace
}  // namespace claviger::gateway
