// SPDX-License-Identifier: Apache-2.0
#include "gateway/relay.h"

#include <gtest/gtest.h>

#include "gateway/testing/script.h"
#include "gateway/testing/stand.h"
#include "net/listener.h"

namespace claviger::gateway {
namespace {

using std::chrono::milliseconds;

struct RelayTest : ::testing::Test {
  net::ListeningSocket socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  testing::Stand stand{socket.bound.port};
  testing::Script script;
  std::unique_ptr<net::Acceptor> acceptor = script.listen(stand.loop(), socket.fd);
  net::testing::StreamPair pair{stand.loop()};
  http::ServerLimits limits;
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
    CLV_CO_TRY_VOID(run_pipeline(call, stand.worker()));
    auto outcome = co_await relay(stand.worker(), caller, call, *world);
    (void)co_await caller.finish_request();
    co_return outcome;
  }

  Result<void> send(std::string request) {
    if (const std::size_t at = request.find("$KEY"); at != std::string::npos)
      request.replace(at, 4, stand.api_key());
    Result<std::size_t> sent{std::size_t{0}};
    CLV_CHECK(pair.far->try_write(request, sent) == net::Stream::Io::kDone);
    auto outcome = stand.finish(one());
    std::array<char, 65536> buffer;
    Result<std::size_t> got{std::size_t{0}};
    stand.loop().turn(milliseconds(1));
    while (pair.far->try_read(buffer, got) == net::Stream::Io::kDone && got.has_value() && *got > 0)
      answer.append(buffer.data(), *got);
    return outcome;
  }
  static std::string get(const std::string& path) {
    return "GET /api/v1/" + path + " HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\n\r\n";
  }
  std::uint64_t count(telemetry::Counter counter) { return stand.metrics().value(counter); }
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

TEST_F(RelayTest, RepeatsASafeRequestWhenAPooledConnectionWasJustClosed) {
  script.connections = {{{"/v1/one", kOk}, {"/v1/two", "", true}}, {{"/v1/two", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  ASSERT_TRUE(send(get("two")).has_value());
  EXPECT_EQ(count(telemetry::Counter::kUpstreamRetried), 1U);
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
      {{"\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true}}};
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
  const auto outcome = send(get("x"));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), Code::kUpstreamTimeout);
}

TEST_F(RelayTest, AnIdleConnectionThatTheUpstreamClosesLeavesThePool) {
  script.connections = {{{"\r\n\r\n", kOk, true}}, {{"\r\n\r\n", kOk}}};
  ASSERT_TRUE(send(get("one")).has_value());
  stand.run_until([&] { return stand.metrics().value(telemetry::Gauge::kUpstreamIdle) == 0; });
  ASSERT_TRUE(send(get("two")).has_value());
  EXPECT_EQ(count(telemetry::Counter::kUpstreamRetried), 0U);
}

}  // namespace
}  // namespace claviger::gateway
