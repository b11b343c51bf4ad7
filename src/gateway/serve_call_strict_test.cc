// SPDX-License-Identifier: Apache-2.0
// audit.durability: strict.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/testing/caller.h"
#include "gateway/testing/script.h"

namespace claviger::gateway {
namespace {

using audit::CallMark;
using std::chrono::milliseconds;
using telemetry::Counter;
using ::testing::AllOf;
using testing::Caller;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct StrictTest : ::testing::Test {
  net::ListeningSocket socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  testing::Stand stand{socket.bound.port};
  testing::Script script;
  std::unique_ptr<net::Acceptor> acceptor = script.listen(stand.loop(), socket.fd);
  DiskQueue queue{stand.loop(), stand.lane(), milliseconds(5000)};
  std::optional<Caller> caller{std::in_place, stand};

  StrictTest() {
    script.connections.assign(8, {{"\r\n\r\n", kOk}});
    stand.worker().disk_queue = &queue;
    stand.lane().disk_works = false;
    stand.lane().on_progress = [this] { queue.look(); };
  }
  ~StrictTest() override {
    stand.lane().on_progress = nullptr;
    caller.reset();
    acceptor.reset();
    stand.worker().pools.retire_all();
    turn(20);
  }
  std::uint64_t count(Counter counter) { return stand.metrics().value(counter); }
  void turn(int times) {
    for (int i = 0; i < times; ++i) stand.loop().turn(milliseconds(2));
  }
  const std::vector<std::string>& events() { return stand.lane().events; }
  bool has_events(std::size_t number) {
    return stand.run_until([&] { return events().size() == number; });
  }
};

TEST_F(StrictTest, NothingGoesUpstreamBeforeItsStartIsOnDisk) {
  caller->get("/api/v1/x");
  ASSERT_TRUE(has_events(1));
  turn(5);
  EXPECT_TRUE(script.received.empty());
  EXPECT_EQ(stand.lane().hurries, 1U);
  EXPECT_THAT(events()[0], AllOf(HasSubstr(R"("type":"call.started")"), HasSubstr(R"("principal":"alice")"),
                                 HasSubstr(R"("upstream":"api")"), HasSubstr(R"("method":"GET")"),
                                 HasSubstr(R"("path":"/api/v1/x")"), HasSubstr(R"("grant":"main")"),
                                 HasSubstr(R"("credential":")"), HasSubstr(R"("request_id":")"),
                                 Not(HasSubstr(R"("status")"))));
  stand.lane().sync();
  ASSERT_TRUE(caller->hears("ok"));
  ASSERT_EQ(events().size(), 2U);
  EXPECT_THAT(events()[1], AllOf(HasSubstr(R"("type":"call.finished")"), HasSubstr(R"("code":"ok")")));
  EXPECT_EQ(stand.lane().marks[0].kind, CallMark::Kind::kStarted);
  EXPECT_EQ(stand.lane().marks[1].kind, CallMark::Kind::kFinished);
  EXPECT_EQ(stand.lane().marks[0].id, stand.lane().marks[1].id);
  EXPECT_EQ(stand.lane().hurries, 1U);  // nobody waits for its end
}

TEST_F(StrictTest, ACallThatIsNotSentHasNoStart) {
  caller->get("/api/v2/x");
  ASSERT_TRUE(caller->hears("403"));
  ASSERT_EQ(events().size(), 1U);
  EXPECT_THAT(events()[0], HasSubstr(R"("type":"call.finished")"));
  EXPECT_EQ(stand.lane().marks[0].kind, CallMark::Kind::kNone);
  EXPECT_EQ(stand.lane().hurries, 0U);
}

TEST_F(StrictTest, ACallThatIsSentTwiceStartsOnce) {
  script.connections = {{{"/v1/one", kOk}, {"/v1/two", "", true}}, {{"/v1/two", kOk}}};
  stand.lane().disk_works = true;
  caller->get("/api/v1/one");
  ASSERT_TRUE(caller->hears("ok"));
  caller->get("/api/v1/two");
  ASSERT_TRUE(stand.run_until([&] { return events().size() == 4; }));
  EXPECT_EQ(script.received.size(), 2U);
  EXPECT_THAT(events()[2], HasSubstr("call.started"));
  EXPECT_THAT(events()[3], AllOf(HasSubstr("call.finished"), HasSubstr(R"("retries":1)")));
  EXPECT_NE(stand.lane().marks[2].id, stand.lane().marks[0].id);
}

TEST_F(StrictTest, OneSyncLetsAllThroughThatWaitedForIt) {
  constexpr std::size_t kCallers = 5;
  std::vector<std::unique_ptr<Caller>> callers;
  for (std::size_t i = 0; i < kCallers; ++i) {
    callers.push_back(std::make_unique<Caller>(stand));
    callers.back()->get("/api/v1/x");
  }
  ASSERT_TRUE(has_events(kCallers));
  stand.lane().sync(kCallers - 1);
  for (std::size_t i = 0; i + 1 < kCallers; ++i) EXPECT_TRUE(callers[i]->hears("ok"));
  turn(3);
  EXPECT_EQ(callers.back()->heard(), "");
  EXPECT_EQ(script.received.size(), kCallers - 1);
  stand.lane().sync();
  EXPECT_TRUE(callers.back()->hears("ok"));
}

TEST_F(StrictTest, ABodyThatComesMeanwhileIsNotLost) {
  script.connections = {{{"abcdef", kOk}}};
  caller->say("POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 6\r\n\r\nabc");
  ASSERT_TRUE(has_events(1));
  caller->say("def");
  turn(5);
  EXPECT_TRUE(script.received.empty());
  stand.lane().sync();
  ASSERT_TRUE(caller->hears("ok"));
  EXPECT_TRUE(script.received[0].ends_with("\r\n\r\nabcdef"));
}

// --- A disk that fails ---------------------------------------------------------------------------

TEST_F(StrictTest, WhenTheDiskFailsThoseThatWaitAreRefusedAtOnce) {
  caller->get("/api/v1/x");
  ASSERT_TRUE(has_events(1));
  stand.lane().fail(true);
  ASSERT_TRUE(caller->hears("unavailable"));
  EXPECT_THAT(caller->heard(), AllOf(HasSubstr("HTTP/1.1 503"), HasSubstr("Retry-After: ")));
  EXPECT_TRUE(script.received.empty());
  EXPECT_EQ(count(Counter::kAuditRefused), 1U);
  // Its start may be on disk, so it has an end.
  ASSERT_EQ(events().size(), 2U);
  EXPECT_THAT(events()[1], HasSubstr(R"("code":"unavailable")"));
  EXPECT_EQ(stand.lane().marks[1].kind, CallMark::Kind::kFinished);
}

TEST_F(StrictTest, WhileTheDiskFailsNothingIsBegun) {
  stand.lane().fail(true);
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("unavailable"));
  EXPECT_TRUE(events().empty());
  EXPECT_TRUE(script.received.empty());
  EXPECT_EQ(count(Counter::kAuditRefused), 1U);
  stand.lane().fail(false);
  stand.lane().disk_works = true;
  caller->get("/api/v1/x");
  EXPECT_TRUE(caller->hears("ok"));
}

TEST_F(StrictTest, InGroupModeAFailingDiskRefusesNobodyWhileThereIsRoom) {
  stand.worker().disk_queue = nullptr;
  stand.lane().fail(true);
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("ok"));
  ASSERT_EQ(events().size(), 1U);
  EXPECT_THAT(events()[0], HasSubstr("call.finished"));
  EXPECT_EQ(stand.lane().marks[0].kind, CallMark::Kind::kNone);
  EXPECT_EQ(stand.lane().hurries, 0U);
}

// --- What else may happen meanwhile --------------------------------------------------------------

TEST_F(StrictTest, ACallerThatHangsUpEndsTheWait) {
  caller->get("/api/v1/x");
  ASSERT_TRUE(has_events(1));
  caller->hang_up();
  ASSERT_TRUE(stand.run_until([&] { return caller->is_over(); }));
  EXPECT_EQ(count(Counter::kCallerGone), 1U);
  ASSERT_EQ(events().size(), 2U);
  EXPECT_EQ(stand.lane().marks[1].kind, CallMark::Kind::kFinished);
  stand.lane().sync();
  turn(3);
  EXPECT_TRUE(script.received.empty());
}

TEST_F(StrictTest, ACallThatIsRevokedMeanwhileIsNeverSent) {
  caller->get("/api/v1/x");
  ASSERT_TRUE(has_events(1));
  policy::Resources resources = stand.resources();
  resources.principals[0].disabled = true;
  stand.adopt(std::move(resources));
  EXPECT_TRUE(caller->is_over());
  EXPECT_TRUE(caller->was_aborted());
  ASSERT_EQ(events().size(), 2U);
  EXPECT_THAT(events()[1], HasSubstr(R"("code":"revoked")"));
  stand.lane().sync();
  turn(3);
  EXPECT_TRUE(script.received.empty());
}

TEST_F(StrictTest, ACallThatIsAllowedByTheNewWorldTooGoesOn) {
  caller->get("/api/v1/x");
  ASSERT_TRUE(has_events(1));
  stand.adopt(stand.resources());
  turn(2);
  stand.lane().sync();
  EXPECT_TRUE(caller->hears("ok"));
}

TEST_F(StrictTest, TheTimeThatACallMayTakeGoesOnMeanwhile) {
  policy::Resources resources = stand.resources();
  resources.upstreams[0].timeouts.total = milliseconds(100);
  stand.adopt(std::move(resources));
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("upstream_timeout"));
  EXPECT_EQ(count(Counter::kCallsOutOfTime), 1U);
  EXPECT_TRUE(script.received.empty());
}

TEST_F(StrictTest, NobodyWaitsForADiskThatHangsForLongerThanForTheLane) {
  DiskQueue impatient(stand.loop(), stand.lane(), milliseconds(50));
  stand.worker().disk_queue = &impatient;
  caller->get("/api/v1/x");
  ASSERT_TRUE(caller->hears("unavailable"));
  EXPECT_TRUE(script.received.empty());
  ASSERT_EQ(events().size(), 2U);
  EXPECT_THAT(events()[1], AllOf(HasSubstr(R"("decision":"unavailable")"), HasSubstr(R"("waited_us":)")));
  stand.worker().disk_queue = &queue;
}

TEST_F(StrictTest, WhenTheGatewayStopsTheWaitDoes) {
  caller->get("/api/v1/x");
  ASSERT_TRUE(has_events(1));
  stand.worker().active_calls.end_all();
  ASSERT_TRUE(stand.run_until([&] { return caller->is_over(); }));
  EXPECT_TRUE(script.received.empty());
  EXPECT_EQ(events().size(), 2U);
}

TEST_F(StrictTest, HowLongCallsWaitedIsCounted) {
  caller->get("/api/v1/x");
  ASSERT_TRUE(has_events(1));
  turn(3);
  stand.lane().sync();
  ASSERT_TRUE(caller->hears("ok"));
  EXPECT_GT(stand.metrics().disk_waits().sum().count(), 0);
  EXPECT_THAT(events()[1], HasSubstr(R"("waited_us":)"));
}

}  // namespace
}  // namespace claviger::gateway
