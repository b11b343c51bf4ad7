// SPDX-License-Identifier: Apache-2.0
#include "gateway/relay.h"

#include <gtest/gtest.h>

#include "gateway/testing/script.h"
#include "gateway/testing/stand.h"
#include "net/listener.h"
#include "net/testing/skipping_clock.h"

namespace claviger::gateway {
namespace {

using std::chrono::milliseconds;

struct RelayTest : ::testing::Test {
  net::ListeningSocket socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  net::testing::SkippingClock clock;
  testing::Stand stand{socket.bound.port, clock};
  testing::Script script;
  std::unique_ptr<net::Acceptor> acceptor = script.listen(stand.loop(), socket.fd);
  net::testing::StreamPair pair{stand.loop()};
  std::shared_ptr<const http::ServerLimits> limits = std::make_shared<const http::ServerLimits>();
  http::ServerConnection caller{std::move(pair.near), net::Endpoint{}, stand.buffers(), limits,
                                stand.metrics()};
  std::string answer;

  ~RelayTest() override {
    acceptor.reset();
    stand.worker().pools.retire_all();
    for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(1));
  }

  // One request through pipeline and relay.
  net::Task<Result<void>> one() {
    if (!CLV_CO_TRY(co_await caller.read_head()))
      co_return Error(Code::kClosed, Blame::kCaller, "no request");
    const WorldUse world(stand.worker().pools);
    Call call = stand.call("GET /unused HTTP/1.1\r\nHost: x\r\n\r\n");
    call.head = &caller.head();
    call.world = &world->world();
    CLV_CO_TRY_VOID(run_pipeline(call, stand.worker()));
    auto outcome = co_await relay(stand.worker(), caller, call, *world);
    (void)co_await caller.finish_request();
    co_return outcome;
  }

  Result<void> send(std::string request) {
    say(std::move(request));
    auto outcome = stand.finish(one());
    hear();
    return outcome;
  }
  // The same, but all that time passes at once when it has got so far, before the rest is sent.
  template <class Reached>
  Result<void> send(std::string request, Reached&& reached, std::chrono::seconds time,
                    std::string rest = "") {
    say(std::move(request));
    std::optional<Result<void>> outcome;
    struct Run {
      static net::Task<void> into(net::Task<Result<void>> task, std::optional<Result<void>>& out) {
        out = co_await std::move(task);
      }
    };
    net::spawn(Run::into(one(), outcome));
    CLV_CHECK(stand.run_until(reached));
    EXPECT_FALSE(outcome.has_value());
    clock.skip(time);
    for (int i = 0; i < 3; ++i) stand.loop().turn(milliseconds(0));
    if (!rest.empty()) say(std::move(rest));
    CLV_CHECK(stand.run_until([&] { return outcome.has_value(); }));
    hear();
    return *std::move(outcome);
  }
  void say(std::string request) {
    if (const std::size_t at = request.find("$KEY"); at != std::string::npos)
      request.replace(at, 4, stand.api_key());
    Result<std::size_t> sent{std::size_t{0}};
    CLV_CHECK(pair.far->try_write(request, sent) == net::Stream::Io::kDone);
  }
  void hear() {
    std::array<char, 65536> buffer;
    Result<std::size_t> got{std::size_t{0}};
    stand.loop().turn(milliseconds(1));
    while (pair.far->try_read(buffer, got) == net::Stream::Io::kDone && got.has_value() && *got > 0)
      answer.append(buffer.data(), *got);
  }
  // Whether all of a request without a body has come to the upstream.
  auto upstream_has_it() {
    return [this] { return !script.received.empty() && script.received[0].ends_with("\r\n\r\n"); };
  }
  static std::string get(const std::string& path) {
    return "GET /api/v1/" + path + " HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\n\r\n";
  }
  std::uint64_t count(telemetry::Counter counter) { return stand.metrics().value(counter); }
  std::uint64_t retries() {
    const WorldUse world(stand.worker().pools);
    return world->pool(0).stats().value(UpstreamCount::kRetries);
  }
};

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(RelayTest, UsesAConnectionAgain) {
  script.connections = {{{"\r\n\r\n", kOk}, {"/v1/two", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  ASSERT_TRUE(send(get("two")).has_value());
  EXPECT_EQ(script.received.size(), 1U);
  EXPECT_EQ(count(telemetry::Counter::kUpstreamReused), 1U);
  EXPECT_NE(answer.find("\r\n\r\nokHTTP/1.1 200 OK"), std::string::npos);
}

TEST_F(RelayTest, TheScratchThatHeldTheCredentialIsWiped) {
  script.connections = {{{"\r\n\r\n", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  const SecretScratch scratch = stand.worker().scratch.take();
  const std::span<char> room = scratch.room();
  EXPECT_EQ(std::string_view(room.data(), room.size()).find(testing::Stand::kSecret), std::string_view::npos);
  EXPECT_TRUE(std::all_of(room.begin(), room.end(), [](char c) { return c == 0; }));
}

TEST_F(RelayTest, MasksTheCredentialInHeadAndBody) {
  const std::string secret(testing::Stand::kSecret);
  const std::string body = "you sent " + secret + ", " + secret.substr(0, 10);
  script.connections = {
      {{"\r\n\r\n", "HTTP/1.1 200 " + secret + "\r\nX-Echo: Bearer " + secret +
                        "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body}}};
  ASSERT_TRUE(send(get("one")).has_value());
  const std::string stars(secret.size(), '*');
  EXPECT_EQ(answer.find(secret), std::string::npos);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 " + stars + "\r\nX-Echo: Bearer " + stars + "\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("you sent " + stars + ", " + secret.substr(0, 10))) << answer;
}

TEST_F(RelayTest, RefusesAnAnswerThatItCouldNotSearch) {
  const std::string coded = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok";
  script.connections = {{{"\r\n\r\n", coded}},
                        {{"\r\n\r\n", "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nok"}},
                        {{"\r\n\r\n", coded}}};
  for (const char* why : {"Content-Encoding", "206"}) {
    const auto outcome = send(get("one"));
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code(), Code::kUpstreamFailed);
    EXPECT_NE(outcome.error().what().find(why), std::string_view::npos) << outcome.error().what();
    EXPECT_EQ(answer, "");  // it is the door's to answer
  }
  policy::Resources resources = stand.resources();
  resources.upstreams[0].answers.mask = false;
  stand.adopt(std::move(resources));
  ASSERT_TRUE(send(get("one")).has_value());
  EXPECT_TRUE(answer.ends_with("\r\n\r\nok"));
}

TEST_F(RelayTest, RepeatsASafeRequestWhenAPooledConnectionWasJustClosed) {
  script.connections = {{{"/v1/one", kOk}, {"/v1/two", "", true}}, {{"/v1/two", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  ASSERT_TRUE(send(get("two")).has_value());
  EXPECT_EQ(retries(), 1U);
  EXPECT_EQ(script.received.size(), 2U);
}

TEST_F(RelayTest, NeverRepeatsAPost) {
  script.connections = {{{"/v1/one", kOk}, {"/v1/two", "", true}}, {{"/v1/two", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  const auto outcome =
      send("POST /api/v1/two HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 0\r\n\r\n");
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Code::kUpstreamFailed);
  EXPECT_EQ(script.received.size(), 1U);
}

TEST_F(RelayTest, NeverRepeatsOnceAByteOfAnAnswerCame) {
  script.connections = {{{"/v1/one", kOk}, {"/v1/two", "HTTP/1.1 2", true}}, {{"/v1/two", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  EXPECT_FALSE(send(get("two")).has_value());
  EXPECT_EQ(script.received.size(), 1U);
}

TEST_F(RelayTest, SendsASmallBodyWithItsHeadAndAChunkedOneInChunksOfItsOwn) {
  script.connections = {{{"0\r\n\r\n", kOk}}};
  ASSERT_TRUE(
      send("POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3;ext=evil\r\nabc\r\n0\r\nTrailer: evil\r\n\r\n")
          .has_value());
  EXPECT_TRUE(script.received[0].ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n")) << script.received[0];
  EXPECT_EQ(script.received[0].find("evil"), std::string::npos);
}

TEST_F(RelayTest, AnEarlyAnswerIsRelayedAndTheRestOfTheBodyNotWaitedFor) {
  script.connections = {{{"\r\n\r\n", "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno."}}};
  const auto outcome =
      send("POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 1000000\r\n\r\nsome");
  ASSERT_TRUE(outcome.has_value()) << outcome.error().what();
  EXPECT_NE(answer.find("413 Too Large"), std::string::npos);
  EXPECT_FALSE(caller.keeps_alive());
}

TEST_F(RelayTest, PassesAContinueOnAndThenTheAnswer) {
  script.connections = {{{"\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"}, {"body", kOk}}};
  const auto outcome = send(
      "POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 4\r\nExpect: "
      "100-continue\r\n\r\nbody");
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")) << answer;
}

TEST_F(RelayTest, ABodyThatTurnsOutMalformedIsTheCallersFaultAndNeverLooksWholeUpstream) {
  script.connections = {{{"never", ""}}};
  std::optional<Result<void>> outcome;
  struct Run {
    static net::Task<void> into(net::Task<Result<void>> task, std::optional<Result<void>>& out) {
      out = co_await std::move(task);
    }
  };
  std::string request =
      "POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n";
  request.replace(request.find("$KEY"), 4, stand.api_key());
  Result<std::size_t> sent{std::size_t{0}};
  pair.far->try_write(request, sent);
  net::spawn(Run::into(one(), outcome));
  ASSERT_TRUE(stand.run_until(
      [&] { return !script.received.empty() && script.received[0].find("abc") != std::string::npos; }));
  pair.far->try_write("zz\r\n", sent);
  ASSERT_TRUE(stand.run_until([&] { return outcome.has_value(); }));
  EXPECT_EQ(outcome->error().code(), Code::kBadRequest);
  EXPECT_EQ(script.received[0].find("0\r\n\r\n"), std::string::npos);
}

TEST_F(RelayTest, IsNeverRepeatedOnceTheCallerHasSeenSomething) {
  // An early answer, then the last chunk of the request, then the upstream's close: neither a second head in
  // the middle of the first answer, nor a broken invariant.
  script.connections = {{{"/v1/one", kOk},
                         {"/v1/two", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
                         {"0\r\n\r\n", "1\r\nA\r\nZZ", true}},
                        {{"\r\n\r\n", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  std::optional<Result<void>> outcome;
  struct Run {
    static net::Task<void> into(net::Task<Result<void>> task, std::optional<Result<void>>& out) {
      out = co_await std::move(task);
    }
  };
  std::string request =
      "GET /api/v1/two HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nTransfer-Encoding: chunked\r\n\r\n";
  request.replace(request.find("$KEY"), 4, stand.api_key());
  Result<std::size_t> sent{std::size_t{0}};
  pair.far->try_write(request, sent);
  net::spawn(Run::into(one(), outcome));
  ASSERT_TRUE(stand.run_until([&] { return caller.answer_began(); }));
  for (int i = 0; i < 5; ++i) stand.loop().turn(milliseconds(1));
  pair.far->try_write("0\r\n\r\n", sent);
  ASSERT_TRUE(stand.run_until([&] { return outcome.has_value(); }));
  EXPECT_FALSE(outcome->has_value());
  EXPECT_TRUE(caller.is_aborted());
  EXPECT_EQ(script.received.size(), 1U);
}

TEST_F(RelayTest, AConnectionWithBytesLeftInTheKernelIsNotUsedAgain) {
  // An answer that ends where a read ends, and more behind it: nothing of it is in our buffer.
  std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 00000\r\n\r\n";
  const std::string length = std::to_string(net::kBufferSize - head.size());
  head.replace(head.find("00000"), 5, length);
  const std::string poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON";
  script.connections = {{{"\r\n\r\n", head + std::string(net::kBufferSize - head.size(), 'x') + poison}},
                        {{"\r\n\r\n", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  ASSERT_TRUE(send(get("two")).has_value());
  EXPECT_EQ(answer.find("POISON"), std::string::npos);
  EXPECT_EQ(script.received.size(), 2U);
}

TEST_F(RelayTest, AnAnswerThatIsCutShortIsNotMadeToLookWhole) {
  script.connections = {
      {{"\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n", true}}};
  EXPECT_FALSE(send(get("x")).has_value());
  EXPECT_TRUE(caller.is_aborted());
  EXPECT_NE(answer.find("hello"), std::string::npos);
  EXPECT_EQ(answer.find("0\r\n\r\n"), std::string::npos);
}

TEST_F(RelayTest, AConnectionWithStrayBytesIsNotUsedAgain) {
  script.connections = {{{"\r\n\r\n", std::string(kOk) + "HTTP/1.1 200 OK\r\n"}}, {{"\r\n\r\n", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  ASSERT_TRUE(send(get("two")).has_value());
  EXPECT_EQ(script.received.size(), 2U);
}

TEST_F(RelayTest, ACallerThatIsGoneEndsTheCallUpstream) {
  script.connections = {{{"\r\n\r\n", ""}}};
  std::optional<Result<void>> outcome;
  struct Run {
    static net::Task<void> into(net::Task<Result<void>> task, std::optional<Result<void>>& out) {
      out = co_await std::move(task);
    }
  };
  std::string request = get("x");
  request.replace(request.find("$KEY"), 4, stand.api_key());
  Result<std::size_t> sent{std::size_t{0}};
  pair.far->try_write(request, sent);
  net::spawn(Run::into(one(), outcome));
  ASSERT_TRUE(stand.run_until([&] { return !script.received.empty() && !script.received[0].empty(); }));
  pair.far.reset();
  ASSERT_TRUE(stand.run_until([&] { return outcome.has_value(); }));
  EXPECT_EQ(outcome->error().code(), Code::kCancelled);
}

TEST_F(RelayTest, AnUpstreamThatSaysNothingTimesOut) {
  script.connections = {{{"\r\n\r\n", ""}}};
  const auto outcome = send(get("x"), upstream_has_it(), std::chrono::seconds(11));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Code::kUpstreamTimeout);
}

TEST_F(RelayTest, AnIdleConnectionThatTheUpstreamClosesLeavesThePool) {
  script.connections = {{{"\r\n\r\n", kOk, true}}, {{"\r\n\r\n", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  stand.run_until([&] { return stand.metrics().value(telemetry::Gauge::kUpstreamIdle) == 0; });
  ASSERT_TRUE(send(get("two")).has_value());
  EXPECT_EQ(retries(), 0U);
}

// --- Several base URLs ---------------------------------------------------------------------------

struct FailoverTest : RelayTest {
  net::ListeningSocket second_socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  testing::Script second;
  std::unique_ptr<net::Acceptor> second_acceptor = second.listen(stand.loop(), second_socket.fd);
  policy::Resources resources = stand.resources();

  FailoverTest() {
    policy::UpstreamResource& upstream = resources.upstreams[0];
    upstream.other_base_urls = {upstream.base_url};
    upstream.other_base_urls[0].port = second_socket.bound.port;
    upstream.other_base_urls[0].authority = "127.0.0.1:" + std::to_string(second_socket.bound.port);
    stand.adopt(resources);
  }
  ~FailoverTest() override {
    second_acceptor.reset();
    stand.worker().pools.retire_all();
    for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(1));
  }

  static std::string post(const std::string& path, const std::string& body) {
    return "POST /api/v1/" + path +
           " HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }
};

TEST_F(FailoverTest, WhatCouldNotConnectIsSentElsewhereWhateverItsMethod) {
  acceptor.reset();
  second.connections = {{{"once", kOk}}};
  ASSERT_TRUE(send(post("x", "once")).has_value());
  EXPECT_NE(second.received[0].find("Host: 127.0.0.1:" + std::to_string(second_socket.bound.port) + "\r\n"),
            std::string::npos);
  EXPECT_TRUE(second.received[0].ends_with("\r\n\r\nonce"));
  EXPECT_EQ(retries(), 1U);
}

TEST_F(FailoverTest, ASafeRequestThatCameToNothingIsSentElsewhere) {
  script.connections = {{{"\r\n\r\n", "", true}}};
  second.connections = {{{"\r\n\r\n", kOk}}};
  ASSERT_TRUE(send(get("x")).has_value());
  EXPECT_NE(script.received[0].find(testing::Stand::kSecret), std::string::npos);
  EXPECT_NE(second.received[0].find(testing::Stand::kSecret), std::string::npos);  // opened anew
}

TEST_F(FailoverTest, AnUnsafeOneThatWasSentIsNot) {
  script.connections = {{{"body", "", true}}};
  ASSERT_FALSE(send(post("x", "body")).has_value());
  EXPECT_TRUE(second.received.empty());
}

TEST_F(FailoverTest, NothingIsSentElsewhereAfterATimeOut) {
  script.connections = {{{"\r\n\r\n", ""}}};
  const auto outcome = send(get("x"), upstream_has_it(), std::chrono::seconds(11));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Code::kUpstreamTimeout);
  EXPECT_TRUE(second.received.empty());
}

TEST_F(FailoverTest, OneThatBringsDownWhoeverReadsItIsReadTwiceAtMost) {
  script.connections = {{{"/v1/one", kOk}, {"/v1/three", "", true}}, {{"/v1/three", "", true}}};
  second.connections = {{{"/v1/two", kOk}}, {{"/v1/three", "", true}}};
  ASSERT_TRUE(send(get("one")).has_value());
  ASSERT_TRUE(send(get("two")).has_value());
  EXPECT_FALSE(send(get("three")).has_value());  // on a connection that had waited, and on a new one
  EXPECT_EQ(script.received.size() + second.received.size(), 3U);
  EXPECT_EQ(retries(), 1U);
}

TEST_F(FailoverTest, OneThatWasSentOnceIsSentAgainPastWhomItDoesNotReach) {
  script.connections = {{{"/v1/one", kOk}, {"/v1/two", "", true}}, {{"/v1/two", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  second_acceptor.reset();
  ASSERT_TRUE(send(get("two")).has_value());
  EXPECT_EQ(script.received.size(), 2U);
}

struct ManyEndpointsTest : RelayTest {
  std::array<net::ListeningSocket, 3> sockets;
  std::array<testing::Script, 3> others;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors;

  ManyEndpointsTest() {
    policy::Resources resources = stand.resources();
    policy::UpstreamResource& upstream = resources.upstreams[0];
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      sockets[i] = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
      others[i].connections = {{{"\r\n\r\n", "", true}}};
      acceptors.push_back(others[i].listen(stand.loop(), sockets[i].fd));
      http::BaseUrl& url = upstream.other_base_urls.emplace_back(upstream.base_url);
      url.port = sockets[i].bound.port;
      url.authority = "127.0.0.1:" + std::to_string(url.port);
    }
    stand.adopt(std::move(resources));
  }
  ~ManyEndpointsTest() override {
    acceptors.clear();
    stand.worker().pools.retire_all();
    for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(1));
  }
  std::size_t reached() const {
    std::size_t all = script.received.size();
    for (const testing::Script& each : others) all += each.received.size();
    return all;
  }
};

TEST_F(ManyEndpointsTest, OneThatBringsDownWhoeverReadsItDoesNotGoRound) {
  script.connections = {{{"\r\n\r\n", "", true}}};
  EXPECT_FALSE(send(get("x")).has_value());
  EXPECT_EQ(reached(), 2U);
  EXPECT_EQ(retries(), 1U);
}

TEST_F(ManyEndpointsTest, WhatReachedNobodyGoesRoundAll) {
  acceptors.clear();
  script.connections = {{{"/v1/one", kOk}, {"/v1/two", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  ASSERT_TRUE(send(get("two")).has_value());  // the others have their turn first
  EXPECT_EQ(retries(), 3U);
}

TEST_F(RelayTest, APostIsSentAgainWithItsWholeBodyWhenThePooledConnectionWasDeadBeforeAByteLeft) {
  for (const std::string framing :
       {"Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        "Content-Length: 0\r\n\r\n"}) {
    script.connections.resize(script.received.size(), {});
    const std::size_t dead = script.received.size();
    script.connections.push_back({{"/v1/one", kOk}, {"never", ""}});
    script.connections.push_back({{"/v1/two", kOk}, {"never", ""}});
    ASSERT_TRUE(send(get("one")).has_value());
    std::string request = "POST /api/v1/two HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\n" + framing;
    request.replace(request.find("$KEY"), 4, stand.api_key());
    Result<std::size_t> sent{std::size_t{0}};
    pair.far->try_write(request, sent);
    script.reset(dead);  // the loop hears of it, but of the request first
    ASSERT_TRUE(stand.finish(one()).has_value());
    ASSERT_EQ(script.received.size(), dead + 2);
    EXPECT_EQ(script.received[dead].find("/v1/two"), std::string::npos);
    EXPECT_TRUE(script.received[dead + 1].ends_with(framing.substr(framing.find("\r\n\r\n"))))
        << script.received[dead + 1];
    script.reset(dead + 1);
    stand.run_until([&] { return stand.metrics().value(telemetry::Gauge::kUpstreamIdle) == 0; });
  }
}

// --- Time ----------------------------------------------------------------------------------------

struct TotalTest : RelayTest {
  // Nothing else is over sooner.
  void allow(std::chrono::seconds total) {
    policy::Resources resources = stand.resources();
    policy::UpstreamTimeouts& timeouts = resources.upstreams[0].timeouts;
    timeouts.connect = timeouts.tls = timeouts.first_byte = timeouts.idle = 2 * total;
    timeouts.total = total;
    stand.adopt(resources);
  }
};

TEST_F(TotalTest, ACallThatTakesTooLongBeforeItsAnswerBeganIsATimeOut) {
  allow(std::chrono::hours(1));
  script.connections = {{{"\r\n\r\n", ""}}};
  const auto outcome = send(get("x"), upstream_has_it(), std::chrono::minutes(61));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Code::kUpstreamTimeout);
  EXPECT_NE(outcome.error().what().find("timeouts.total"), std::string_view::npos);
  EXPECT_FALSE(caller.is_aborted());
  EXPECT_FALSE(caller.stream().source().is_cancelled());  // it can be told
  EXPECT_EQ(count(telemetry::Counter::kCallsOutOfTime), 1U);
}

TEST_F(TotalTest, OneThatTakesTooLongWithinItsAnswerIsBrokenOff) {
  allow(std::chrono::hours(1));
  script.connections = {{{"\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"}}};
  const auto outcome = send(get("x"), [this] { return caller.answer_began(); }, std::chrono::minutes(61));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Code::kUpstreamTimeout);
  EXPECT_TRUE(caller.is_aborted());
  EXPECT_EQ(count(telemetry::Counter::kCallsOutOfTime), 1U);
}

TEST_F(TotalTest, OneWhoseCallerDoesNotSendItsBodyIsATimeOut) {
  allow(std::chrono::seconds(20));  // and the caller has a minute for its body
  script.connections = {{{"never", ""}}};
  const auto outcome = send(
      "POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 10\r\n\r\nsome",
      [this] { return !script.received.empty() && script.received[0].ends_with("some"); },
      std::chrono::seconds(21));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Code::kUpstreamTimeout);
  EXPECT_FALSE(caller.is_aborted());
  EXPECT_FALSE(caller.keeps_alive());  // what it has yet to send is nobody's
}

TEST_F(TotalTest, OneInTimeIsNotConcerned) {
  allow(std::chrono::seconds(20));  // less than what is idle is kept
  script.connections = {{{"/v1/one", kOk}, {"late", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  clock.skip(std::chrono::seconds(15));
  const auto outcome = send(
      "POST /api/v1/two HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 4\r\n\r\nla",
      [this] { return script.received[0].ends_with("la"); }, std::chrono::seconds(15), "te");
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(count(telemetry::Counter::kCallsOutOfTime), 0U);
}

TEST_F(RelayTest, TheTimeThatACallerTakesForItsBodyIsNotTheUpstreams) {
  script.connections = {{{"somebody", kOk}}};
  std::optional<Result<void>> outcome;
  struct Run {
    static net::Task<void> into(net::Task<Result<void>> task, std::optional<Result<void>>& out) {
      out = co_await std::move(task);
    }
  };
  std::string request =
      "POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 8\r\n\r\nsome";
  request.replace(request.find("$KEY"), 4, stand.api_key());
  Result<std::size_t> sent{std::size_t{0}};
  pair.far->try_write(request, sent);
  net::spawn(Run::into(one(), outcome));
  ASSERT_TRUE(
      stand.run_until([&] { return !script.received.empty() && script.received[0].ends_with("some"); }));
  clock.skip(std::chrono::seconds(15));  // of the upstream's, all are ten
  for (int i = 0; i < 3; ++i) stand.loop().turn(milliseconds(0));
  ASSERT_FALSE(outcome.has_value());
  pair.far->try_write("body", sent);
  ASSERT_TRUE(stand.run_until([&] { return outcome.has_value(); }));
  EXPECT_TRUE(outcome->has_value());
}

}  // namespace
}  // namespace claviger::gateway
