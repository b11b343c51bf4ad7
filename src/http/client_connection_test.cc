// SPDX-License-Identifier: Apache-2.0
#include "http/client_connection.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "net/testing/loop_fixture.h"

namespace claviger::http {
namespace {

using std::chrono::milliseconds;

struct ClientConnectionTest : ::testing::Test, net::testing::LoopFixture {
  net::testing::StreamPair pair{loop()};
  net::BufferPool buffers;
  ClientConnection connection{std::move(pair.near), buffers};

  void upstream_sends(std::string_view text) {
    Result<std::size_t> sent{std::size_t{0}};
    CLV_CHECK(pair.far->try_write(text, sent) == net::Stream::Io::kDone);
  }
  Result<void> read_head(Method method = Method::kGet, milliseconds limit = milliseconds(500)) {
    return finish(connection.read_head(method, HeadLimits(), limit));
  }
  Result<std::string> read_body(milliseconds limit = milliseconds(500)) {
    std::string all;
    for (;;) {
      const auto piece = finish(connection.read_body(limit));
      if (!piece.has_value()) return piece.error();
      if (piece->empty()) return all;
      all += *piece;
    }
  }
};

TEST_F(ClientConnectionTest, ReadsAnAnswerAndMayBeUsedAgain) {
  upstream_sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(read_head().has_value());
  EXPECT_EQ(connection.head().status, 200U);
  EXPECT_EQ(*read_body(), "hello");
  EXPECT_TRUE(connection.finish(true));
}

TEST_F(ClientConnectionTest, IsNotUsedAgainWhenABodyWasLongerThanItSaid) {
  upstream_sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and HTTP/1.1 200 OK");
  ASSERT_TRUE(read_head().has_value());
  EXPECT_EQ(*read_body(), "hello");
  EXPECT_FALSE(connection.finish(true));
}

TEST_F(ClientConnectionTest, ABodyShorterThanItSaidIsAnError) {
  upstream_sends("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
  pair.far.reset();
  ASSERT_TRUE(read_head().has_value());
  EXPECT_EQ(read_body().error().code(), Code::kUpstreamFailed);
  EXPECT_FALSE(connection.finish(true));
}

TEST_F(ClientConnectionTest, ACutChunkedBodyIsAnError) {
  upstream_sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  pair.far.reset();
  ASSERT_TRUE(read_head().has_value());
  EXPECT_FALSE(read_body().has_value());
}

TEST_F(ClientConnectionTest, ABodyUntilTheCloseEndsWithItAndTheConnectionWithThat) {
  upstream_sends("HTTP/1.1 200 OK\r\n\r\nall of it");
  pair.far.reset();
  ASSERT_TRUE(read_head().has_value());
  EXPECT_EQ(*read_body(), "all of it");
  EXPECT_FALSE(connection.finish(true));
}

TEST_F(ClientConnectionTest, IsNotUsedAgainWhileTheRequestWasNotSentWhole) {
  upstream_sends("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(read_head().has_value());
  EXPECT_FALSE(connection.finish(false));
}

TEST_F(ClientConnectionTest, SaysWhetherAnAnswerHadBegun) {
  pair.far.reset();
  EXPECT_EQ(read_head().error().code(), Code::kUpstreamFailed);
  EXPECT_FALSE(connection.answer_began());
}

TEST_F(ClientConnectionTest, AnUpstreamThatSaysNothingTimesOut) {
  EXPECT_EQ(read_head(Method::kGet, milliseconds(60)).error().code(), Code::kUpstreamTimeout);
}

TEST_F(ClientConnectionTest, AnUpstreamThatStallsInTheBodyTimesOut) {
  upstream_sends("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
  ASSERT_TRUE(read_head().has_value());
  EXPECT_EQ(read_body(milliseconds(60)).error().code(), Code::kUpstreamTimeout);
}

TEST_F(ClientConnectionTest, ABriefWaitIsTheReadersAloneAndCanBeFollowedByALongerOne) {
  upstream_sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
  ASSERT_TRUE(read_head().has_value());
  ASSERT_EQ(*finish(connection.read_body(milliseconds(500))), "hel");
  const std::string much(std::size_t{64} << 20, 'x');  // which the upstream does not take
  std::optional<Result<void>> sent;
  struct Send {
    static net::Task<void> all(ClientConnection& to, std::string_view text,
                               std::optional<Result<void>>& out) {
      out = co_await to.send(text, std::chrono::minutes(1));
    }
  };
  net::spawn(Send::all(connection, much, sent));
  const auto nothing = finish(connection.read_body(milliseconds(30), ClientConnection::Limits::kReading));
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().code(), Code::kUpstreamTimeout);
  for (int i = 0; i < 30; ++i) loop().turn(milliseconds(1));
  EXPECT_FALSE(sent.has_value());
  upstream_sends("lo");
  EXPECT_EQ(*read_body(), "lo");
  pair.far.reset();
  ASSERT_TRUE(run_until([&] { return sent.has_value(); }));
}

TEST_F(ClientConnectionTest, AnAnswerThatIsNoHttpIsRefused) {
  upstream_sends("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  EXPECT_EQ(read_head().error().code(), Code::kUpstreamFailed);
}

TEST_F(ClientConnectionTest, AnAnswerThatBreaksARuleIsCounted) {
  using telemetry::CodecRule;
  using telemetry::Side;
  telemetry::WorkerMetrics metrics;
  loop().count_in(&metrics);
  upstream_sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n");
  ASSERT_TRUE(read_head().has_value());
  EXPECT_FALSE(read_body().has_value());
  EXPECT_EQ(metrics.value(Side::kUpstream, CodecRule::kChunk), 1U);
  EXPECT_EQ(metrics.value(Side::kCaller, CodecRule::kChunk), 0U);

  net::testing::StreamPair other(loop());
  ClientConnection next(std::move(other.near), buffers);
  Result<std::size_t> sent{std::size_t{0}};
  ASSERT_EQ(other.far->try_write("SSH-2.0-OpenSSH_9.2\r\n\r\n", sent), net::Stream::Io::kDone);
  EXPECT_FALSE(finish(next.read_head(Method::kGet, HeadLimits(), milliseconds(500))).has_value());
  EXPECT_EQ(metrics.value(Side::kUpstream, CodecRule::kVersion), 1U);
  loop().count_in(nullptr);
}

TEST_F(ClientConnectionTest, AnAnswerCutShortIsCountedAndOneThatIsSlowIsNot) {
  using telemetry::CodecRule;
  using telemetry::Side;
  telemetry::WorkerMetrics metrics;
  loop().count_in(&metrics);
  upstream_sends("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
  ASSERT_TRUE(read_head().has_value());
  EXPECT_FALSE(read_body(milliseconds(60)).has_value());
  EXPECT_EQ(metrics.value(Side::kUpstream, CodecRule::kTruncated), 0U);
  pair.far.reset();
  EXPECT_FALSE(read_body().has_value());
  EXPECT_EQ(metrics.value(Side::kUpstream, CodecRule::kTruncated), 1U);
  loop().count_in(nullptr);
}

TEST_F(ClientConnectionTest, TheAnswerToHeadHasNoBodyWhateverItsLengthSays) {
  upstream_sends("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
  ASSERT_TRUE(read_head(Method::kHead).has_value());
  EXPECT_TRUE(connection.body_is_done());
  EXPECT_TRUE(connection.finish(true));
}

TEST_F(ClientConnectionTest, IsNotFreshOnceThePeerHasClosedOrSpokenUnasked) {
  EXPECT_TRUE(connection.is_fresh());
  pair.far.reset();
  loop().turn(milliseconds(20));
  EXPECT_FALSE(connection.is_fresh());
}

}  // namespace
}  // namespace claviger::http
