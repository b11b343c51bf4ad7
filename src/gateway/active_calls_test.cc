// SPDX-License-Identifier: Apache-2.0
#include "gateway/active_calls.h"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/secret_arena.h"
#include "gateway/testing/caller.h"
#include "gateway/testing/script.h"
#include "gateway/worker.h"
#include "identity/api_key.h"
#include "net/local_ca.h"
#include "net/testing/skipping_clock.h"
#include "net/ticket_keys.h"
#include "net/tls.h"

namespace claviger::gateway {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using telemetry::Counter;
using testing::Caller;

constexpr const char* kStream =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nhello\r\n";

struct ActiveCallsTest : ::testing::Test {
  net::ListeningSocket socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  net::testing::SkippingClock clock;
  testing::Stand stand{socket.bound.port, clock};
  testing::Script script;
  std::unique_ptr<net::Acceptor> acceptor = script.listen(stand.loop(), socket.fd);
  std::vector<std::unique_ptr<Caller>> callers;

  ~ActiveCallsTest() override {
    callers.clear();
    acceptor.reset();
    stand.worker().pools.retire_all();
    for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(1));
  }

  Caller& caller() { return *callers.emplace_back(std::make_unique<Caller>(stand)); }
  // A caller with an event stream open.
  Caller& streaming() {
    script.connections.push_back({{"\r\n\r\n", kStream}});
    Caller& made = caller();
    made.get("/api/v1/events");
    EXPECT_TRUE(made.hears("hello"));
    return made;
  }
  bool upstream_received(std::string_view text) {
    return stand.run_until(
        [&] { return !script.received.empty() && script.received.back().find(text) != std::string::npos; });
  }
  // For calls with so much to carry that a slow machine needs its time before anybody waits.
  void let_it_take_its_time() {
    policy::Resources resources = stand.resources();
    resources.upstreams[0].timeouts.first_byte = resources.upstreams[0].timeouts.idle =
        std::chrono::minutes(1);
    stand.adopt(std::move(resources));
  }
  void disable_alice() {
    policy::Resources resources = stand.resources();
    resources.principals[0].disabled = true;
    stand.adopt(std::move(resources));
  }
  // The one call was ended, at once, as what it is.
  void expect_revoked(Caller& one) {
    EXPECT_TRUE(one.is_over());
    EXPECT_TRUE(one.was_aborted());
    EXPECT_EQ(one.heard().find("0\r\n\r\n"), std::string::npos);
    ASSERT_FALSE(stand.lane().events.empty());
    EXPECT_NE(stand.lane().events.back().find(R"("revoked")"), std::string::npos)
        << stand.lane().events.back();
    EXPECT_EQ(stand.metrics().value(Counter::kCallsRevoked), 1U);
    EXPECT_EQ(stand.metrics().value(telemetry::Gauge::kRequestsActive), 0);
  }
  void expect_upstream_closed() {
    EXPECT_TRUE(stand.run_until([&] { return !script.closed.empty() && script.closed.back(); }));
  }
};

// --- Each thing that a call may wait for ---------------------------------------------------------

TEST_F(ActiveCallsTest, AStreamIsCutOffTheMomentItIsRevoked) {
  Caller& one = streaming();
  disable_alice();
  expect_revoked(one);
  EXPECT_NE(stand.lane().events.back().find(R"("bytes_out":5)"), std::string::npos)
      << stand.lane().events.back();
  expect_upstream_closed();
}

TEST_F(ActiveCallsTest, AStreamEndsWhenItsCredentialIsRevokedAndNotWhenThatIsDisabled) {
  Caller& one = streaming();
  policy::Resources resources = stand.resources();
  resources.credentials[0].state = policy::CredentialState::kDisabled;
  stand.adopt(resources);
  EXPECT_FALSE(one.is_over());
  resources.credentials[0].state = policy::CredentialState::kRevoked;
  stand.adopt(std::move(resources));
  expect_revoked(one);
  expect_upstream_closed();
}

TEST_F(ActiveCallsTest, AStreamEndsWhenItsCredentialIsDeleted) {
  Caller& one = streaming();
  policy::Resources resources = stand.resources();
  resources.credentials.erase(resources.credentials.begin());
  stand.adopt(std::move(resources));
  expect_revoked(one);
}

TEST_F(ActiveCallsTest, ACallThatWaitsForAnAnswerIsEnded) {
  script.connections = {{{"never", ""}}};
  Caller& one = caller();
  one.get("/api/v1/x");
  ASSERT_TRUE(upstream_received("\r\n\r\n"));
  disable_alice();
  expect_revoked(one);
  EXPECT_EQ(one.heard(), "");
  expect_upstream_closed();
}

TEST_F(ActiveCallsTest, ACallThatWaitsForAConnectionIsEnded) {
  // An upstream that takes the connection and never shakes hands.
  script.connections = {{{"never", ""}}};
  policy::Resources resources = stand.resources();
  resources.upstreams[0].base_url.tls = true;
  resources.upstreams[0].allow_plaintext = false;
  stand.adopt(resources);
  Caller& one = caller();
  one.get("/api/v1/x");
  ASSERT_TRUE(stand.run_until([&] { return script.received.size() == 1; }));
  ASSERT_FALSE(one.is_over());
  resources.principals[0].disabled = true;
  stand.adopt(std::move(resources));
  expect_revoked(one);
  clock.skip(std::chrono::seconds(11));
  expect_upstream_closed();  // by its time-out, long after the call
}

TEST_F(ActiveCallsTest, ACallThatWaitsForItsCallersBodyIsEnded) {
  script.connections = {{{"never", ""}}};
  Caller& one = caller();
  one.say("POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 1000\r\n\r\nsome");
  ASSERT_TRUE(upstream_received("some"));
  disable_alice();
  expect_revoked(one);
  EXPECT_NE(stand.lane().events.back().find(R"("bytes_in":4)"), std::string::npos)
      << stand.lane().events.back();
  expect_upstream_closed();
}

TEST_F(ActiveCallsTest, ACallInWhichNobodyReadsIsEnded) {
  let_it_take_its_time();
  const std::string size = std::to_string(std::size_t{64} << 20);
  script.connections = {{{"\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: " + size + "\r\n\r\n" +
                                          std::string(std::size_t{64} << 20, 'x')}}};
  Caller& one = caller();
  one.say("PUT /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 100000000\r\n\r\n");
  const std::string piece(std::size_t{64} << 10, 'y');
  for (int quiet = 0; quiet < 5;) {
    quiet = one.say(piece) > 0 ? 0 : quiet + 1;
    stand.loop().turn(milliseconds(2));
  }
  ASSERT_FALSE(one.is_over());
  disable_alice();
  expect_revoked(one);
  expect_upstream_closed();
}

TEST_F(ActiveCallsTest, ACallWhoseCallerDoesNotReadIsEnded) {
  let_it_take_its_time();
  const std::string size = std::to_string(std::size_t{64} << 20);
  script.connections = {{{"\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: " + size + "\r\n\r\n" +
                                          std::string(std::size_t{64} << 20, 'x')}}};
  Caller& one = caller();
  one.get("/api/v1/x");
  ASSERT_TRUE(stand.run_until([&] { return !script.received.empty() && !script.received[0].empty(); }));
  for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(2));
  ASSERT_FALSE(one.is_over());
  disable_alice();
  expect_revoked(one);
  expect_upstream_closed();
}

TEST_F(ActiveCallsTest, ARevokedCallIsNotSentAgain) {
  script.connections = {{{"/v1/one", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}, {"never", ""}}};
  Caller& one = caller();
  one.get("/api/v1/one");
  ASSERT_TRUE(one.hears("ok"));
  one.get("/api/v1/two");  // on the same connection, upstream as well
  ASSERT_TRUE(upstream_received("/v1/two"));
  disable_alice();
  expect_revoked(one);
  for (int i = 0; i < 10; ++i) stand.loop().turn(milliseconds(1));
  EXPECT_EQ(script.received.size(), 1U);
}

TEST_F(ActiveCallsTest, AllCallsOfAPrincipalEndAtOnceAndOthersGoOn) {
  policy::Resources resources = stand.resources();
  resources.principals.emplace_back().name = "bob";
  policy::GrantResource grant = resources.grants[1];
  grant.name = "bob";
  grant.principal = "bob";
  resources.grants.push_back(grant);
  stand.adopt(resources);
  for (int i = 0; i < 20; ++i) streaming();
  resources.api_keys[0].principal =
      "bob";  // the key's owner is another: the same key, but not the same caller
  stand.adopt(std::move(resources));
  EXPECT_EQ(stand.metrics().value(Counter::kCallsRevoked), 20U);
  for (const auto& each : callers) EXPECT_TRUE(each->is_over() && each->was_aborted());
  Caller& later = streaming();
  EXPECT_FALSE(later.is_over());
  EXPECT_EQ(stand.worker().pools.worlds(), 1U);
}

// --- What ends a call, and what does not ---------------------------------------------------------

struct Case {
  const char* name;
  std::function<void(policy::Resources&)> change;
};
struct EndingChange : ActiveCallsTest, ::testing::WithParamInterface<Case> {};
struct HarmlessChange : ActiveCallsTest, ::testing::WithParamInterface<Case> {};

TEST_P(EndingChange, EndsTheStream) {
  Caller& one = streaming();
  policy::Resources resources = stand.resources();
  GetParam().change(resources);
  stand.adopt(std::move(resources));
  expect_revoked(one);
}

TEST_P(HarmlessChange, LetsTheStreamGoOn) {
  Caller& one = streaming();
  policy::Resources resources = stand.resources();
  GetParam().change(resources);
  stand.adopt(std::move(resources));
  for (int i = 0; i < 5; ++i) stand.loop().turn(milliseconds(1));
  EXPECT_FALSE(one.is_over());
  EXPECT_EQ(stand.metrics().value(Counter::kCallsRevoked), 0U);
}

const WallTime kPast = WallTime(hours(1));
using R = policy::Resources;
std::string name_of_case(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    All, EndingChange,
    ::testing::Values(
        Case{"KeyGone", [](R& r) { r.api_keys.clear(); }},
        Case{"KeyRevoked", [](R& r) { r.api_keys[0].revoked = true; }},
        Case{"KeyOfAnotherHash", [](R& r) { r.api_keys[0].hash[0] ^= std::byte{1}; }},
        Case{"KeyExpired", [](R& r) { r.api_keys[0].expires = kPast; }},
        Case{"KeyOfOtherAddresses", [](R& r) { r.api_keys[0].cidrs = {*base::parse_cidr("10.0.0.0/8")}; }},
        Case{"PrincipalDisabled", [](R& r) { r.principals[0].disabled = true; }},
        Case{"GrantGone", [](R& r) { r.grants.erase(r.grants.begin() + 1); }},
        Case{"GrantExpired", [](R& r) { r.grants[1].expires = kPast; }},
        Case{"GrantOfOtherPaths", [](R& r) { r.grants[1].paths = {*policy::Glob::parse("/v2/**")}; }},
        Case{"GrantOfOtherMethods", [](R& r) { r.grants[1].methods = {"POST"}; }},
        Case{"UpstreamMoved", [](R& r) { r.upstreams[0].base_url.port = 2; }},
        Case{"UpstreamOfAnotherPath", [](R& r) { r.upstreams[0].base_url.path = "/other"; }},
        Case{"UpstreamOfAnotherMount", [](R& r) { r.upstreams[0].mount = "/elsewhere"; }},
        Case{"UpstreamOfOtherRules", [](R& r) { r.upstreams[0].allow_private_addresses.all = false; }},
        Case{"AnotherUpstreamInItsPlace",
             [](R& r) { std::swap(r.upstreams[0].mount, r.upstreams[1].mount); }},
        Case{"UpstreamGone",
             [](R& r) {
               r.upstreams.erase(r.upstreams.begin());
               r.credentials.erase(r.credentials.begin());
               r.grants.erase(r.grants.begin(), r.grants.begin() + 2);
             }}),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    All, HarmlessChange,
    ::testing::Values(
        Case{"Nothing", [](R&) {}},
        Case{"AnotherPrincipal", [](R& r) { r.principals.emplace_back().name = "bob"; }},
        Case{"KeyOfTheSameAddress", [](R& r) { r.api_keys[0].cidrs = {*base::parse_cidr("192.0.2.0/24")}; }},
        Case{"UpstreamOfOtherTimeouts", [](R& r) { r.upstreams[0].timeouts.connect = milliseconds(900); }},
        Case{"AnotherGrantThatGivesTheSame", [](R& r) { r.grants[1].name = "other"; }},
        Case{"UpstreamsInAnotherOrder", [](R& r) { std::swap(r.upstreams[0], r.upstreams[2]); }}),
    name_of_case);

TEST_F(ActiveCallsTest, TheSameWorldAgainIsNotLookedAtTwice) {
  Caller& one = streaming();
  const auto world = *stand.make_world(stand.resources());
  stand.adopt(world);
  stand.adopt(world);
  EXPECT_FALSE(one.is_over());
}

TEST_F(ActiveCallsTest, ExpiryEndsACallByItself) {
  const WallTime now = stand.loop().wall_now();
  policy::Resources resources = stand.resources();
  resources.api_keys[0].expires = now + hours(2);
  resources.grants[1].expires = now + hours(1);
  const auto world = *stand.make_world(std::move(resources));
  stand.adopt(world);
  Caller& one = streaming();
  stand.worker().active_calls.end_expired(*world, now + hours(1) - std::chrono::seconds(1));
  EXPECT_FALSE(one.is_over());
  stand.worker().active_calls.end_expired(*world, now + hours(1));
  expect_revoked(one);
}

TEST_F(ActiveCallsTest, ExpiryIsThatOfTheNewestWorld) {
  const WallTime now = stand.loop().wall_now();
  policy::Resources resources = stand.resources();
  resources.api_keys[0].expires = now + hours(1);
  stand.adopt(resources);
  Caller& one = streaming();
  resources.api_keys[0].expires = now + hours(3);
  const auto world = *stand.make_world(std::move(resources));
  stand.adopt(world);
  stand.worker().active_calls.end_expired(*world, now + hours(2));
  EXPECT_FALSE(one.is_over());
  stand.worker().active_calls.end_expired(*world, now + hours(3));
  expect_revoked(one);
}

// --- Shares of an upstream's connections ---------------------------------------------------------

struct ShareTest : ActiveCallsTest {
  std::string bobs_key;

  ShareTest() {
    stand.worker().pools.use({.connections = 8});
    const identity::NewApiKey made = *identity::generate_api_key(stand.arena());
    bobs_key = made.text.reveal_text();
    policy::Resources resources = stand.resources();
    policy::ApiKeyResource& key = resources.api_keys.emplace_back(resources.api_keys[0]);
    key.name = made.id;
    key.principal = "bob";
    key.hash = made.hash;
    resources.principals.emplace_back().name = "bob";
    policy::GrantResource& grant = resources.grants.emplace_back(resources.grants[1]);
    grant.name = "bobs";
    grant.principal = "bob";
    stand.adopt(std::move(resources));
  }
  void bob_asks(Caller& caller) {
    script.connections.push_back({{"\r\n\r\n", kStream}});
    caller.say("GET /api/v1/events HTTP/1.1\r\nHost: g\r\nX-API-Key: " + bobs_key + "\r\n\r\n");
  }
  std::uint64_t refused() { return stand.metrics().value(Counter::kLimitUpstreamConnectionsPerPrincipal); }
};

TEST_F(ShareTest, ACallerWithSlowCallsLeavesAQuarterToOthers) {
  for (int i = 0; i < 6; ++i) streaming();
  Caller& one_more = caller();
  one_more.get("/api/v1/events");
  ASSERT_TRUE(one_more.hears("share of the upstream's connections"));
  EXPECT_TRUE(one_more.heard().starts_with("HTTP/1.1 429 "));
  EXPECT_NE(one_more.heard().find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_EQ(one_more.heard().find("RateLimit"), std::string::npos);
  EXPECT_EQ(refused(), 1U);
  for (int i = 0; i < 2; ++i) {
    Caller& bobs = caller();
    bob_asks(bobs);
    EXPECT_TRUE(bobs.hears("hello"));
  }
  Caller& bobs = caller();
  bob_asks(bobs);
  EXPECT_TRUE(bobs.hears("HTTP/1.1 503 "));
  EXPECT_EQ(refused(), 1U);
}

TEST_F(ShareTest, WhoHasLessThanHalfIsServedToTheLastConnection) {
  for (int i = 0; i < 3; ++i) streaming();
  for (int i = 0; i < 3; ++i) {
    Caller& bobs = caller();
    bob_asks(bobs);
    ASSERT_TRUE(bobs.hears("hello"));
  }
  streaming();
  Caller& one_more = caller();
  one_more.get("/api/v1/events");
  EXPECT_TRUE(one_more.hears("HTTP/1.1 429 "));
  Caller& bobs = caller();
  bob_asks(bobs);
  EXPECT_TRUE(bobs.hears("hello"));
}

TEST_F(ShareTest, ThatIsGivenBackCountsNoMore) {
  for (int i = 0; i < 6; ++i) streaming();
  callers.pop_back();
  ASSERT_TRUE(stand.run_until([&] { return stand.metrics().value(telemetry::Gauge::kRequestsActive) == 5; }));
  streaming();
  EXPECT_EQ(refused(), 0U);
}

TEST_F(ShareTest, CallsToAnotherUpstreamAreNoPartOfIt) {
  for (int i = 0; i < 6; ++i) streaming();
  script.connections.push_back({{"\r\n\r\n", kStream}});
  Caller& elsewhere = caller();
  elsewhere.get("/bare/events");
  ASSERT_TRUE(elsewhere.hears("HTTP/1.1 "));
  EXPECT_EQ(elsewhere.heard().find("429"), std::string::npos);
  EXPECT_EQ(refused(), 0U);
}

TEST_F(ShareTest, TooFewConnectionsHaveNone) {
  stand.worker().pools.use({.connections = 3});
  for (int i = 0; i < 3; ++i) streaming();
  Caller& one_more = caller();
  one_more.get("/api/v1/events");
  EXPECT_TRUE(one_more.hears("HTTP/1.1 503 "));
}

// --- Certificates, after a reload ----------------------------------------------------------------

struct JudgedCalls : ActiveCallsTest {
  // Of callers whose connections are plain, and so have shown none.
  std::shared_ptr<const net::ServerTls> asking_for_certificates() {
    const auto write = [this](const char* name, const std::string& text) {
      std::ofstream(folder + name) << text;
      return folder + name;
    };
    const net::LocalCa made = *net::make_local_ca({"localhost"});
    return *net::ServerTls::create({.certificate_file = write("/own.pem", made.certificate_pem),
                                    .key_file = write("/own.key", made.key_pem),
                                    .client_ca_file = write("/ca.pem", made.ca_pem)},
                                   *tickets);
  }
  JudgedCalls() { CLV_CHECK(::mkdtemp(folder.data()) != nullptr); }
  ~JudgedCalls() override { std::filesystem::remove_all(folder); }
  std::size_t ended() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(callers, [](const auto& each) { return each->is_over(); }));
  }

  std::string folder = "/tmp/claviger-judged-XXXXXX";
  std::unique_ptr<base::SecretArena> arena = *base::SecretArena::create({});
  SystemClock clock;
  std::unique_ptr<net::TicketKeys> tickets = *net::TicketKeys::create(*arena, clock);
};

TEST_F(JudgedCalls, AreEndedAFewAtATimeSoThatOthersNeedNotWait) {
  constexpr std::size_t kCalls = 50;
  let_it_take_its_time();
  for (std::size_t i = 0; i < kCalls; ++i) streaming();
  use(stand.worker(), {.tls = asking_for_certificates()});
  EXPECT_EQ(ended(), 16U);
  callers[20]->hang_up();  // one ends by itself meanwhile
  ASSERT_TRUE(stand.run_until([&] { return ended() == kCalls; }));
  EXPECT_GE(stand.metrics().value(Counter::kCallsRevoked), kCalls - 1);
}

TEST_F(JudgedCalls, OfARoundThatIsOvertakenAreJudgedByTheNewest) {
  constexpr std::size_t kCalls = 40;
  let_it_take_its_time();
  for (std::size_t i = 0; i < kCalls; ++i) streaming();
  use(stand.worker(), {.tls = asking_for_certificates()});
  use(stand.worker(), {});  // plain again
  for (int i = 0; i < 5; ++i) stand.loop().turn(milliseconds(5));
  EXPECT_EQ(ended(), 16U);
  use(stand.worker(), {.tls = asking_for_certificates()});
  ASSERT_TRUE(stand.run_until([&] { return ended() == kCalls; }));
}

}  // namespace
}  // namespace claviger::gateway
