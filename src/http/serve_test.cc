// SPDX-License-Identifier: Apache-2.0
#include "http/serve.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <string>
#include <vector>

#include "net/testing/loop_fixture.h"
#include "net/testing/skipping_clock.h"

namespace claviger::http {
namespace {

using std::chrono::milliseconds;

// Answers with the request's method, target and body, and remembers what it saw.
class EchoHandler final : public Handler {
 public:
  net::Task<void> handle(ServerConnection& connection) override {
    ++handled;
    std::string body;
    while (reads_bodies) {
      const auto piece = co_await connection.read_body();
      if (!piece.has_value()) {
        last_error = piece.error().code();
        co_return connection.abort();
      }
      if (piece->empty()) break;
      body += *piece;
    }
    const RequestHead& head = connection.head();
    const std::string text = std::string(head.method_text) + " " + std::string(head.target) + " " + body;
    HeadWriter out(connection.head_room());
    out.status_line(200, "");
    out.field("Content-Length", text.size());
    if (!connection.keeps_alive()) out.field("Connection", "close");
    out.end();
    connection.wrote(out.size());
    (void)co_await connection.write(text);
    (void)co_await connection.flush();
  }
  net::Task<void> refuse(ServerConnection& connection, Error error) override {
    last_error = error.code();
    EXPECT_FALSE(connection.answer_began()) << "of the request that is refused";
    (void)co_await connection.write("REFUSED");
    (void)co_await connection.flush();
  }

  int handled = 0;
  bool reads_bodies = true;
  std::optional<Code> last_error;
};

struct SkippedTime {
  net::testing::SkippingClock clock;
};

struct ServeTest : ::testing::Test, SkippedTime, net::testing::LoopFixture {
  ServeTest() : LoopFixture(SkippedTime::clock) {}

  net::testing::StreamPair pair{loop()};
  net::BufferPool buffers;
  telemetry::WorkerMetrics metrics;
  ServerLimits limits;  // as begin() finds them
  std::shared_ptr<const ServerLimits> newest;
  EchoHandler handler;
  bool over = false;
  std::optional<ServerConnection> connection;

  ~ServeTest() override {
    pair.far.reset();
    run_until([&] { return !connection.has_value(); });
  }
  void begin() {
    newest = std::make_shared<const ServerLimits>(limits);
    connection.emplace(std::move(pair.near), net::Endpoint{}, buffers, newest, metrics);
    net::spawn(run());
  }
  net::Task<void> run() {
    co_await serve(*connection, handler);
    connection.reset();
    over = true;
  }
  void send(std::string_view text) {
    Result<std::size_t> sent{std::size_t{0}};
    CLV_CHECK(pair.far->try_write(text, sent) == net::Stream::Io::kDone && *sent == text.size());
  }
  // What has come back once the connection has had its turns.
  std::string receive() {
    for (int i = 0; i < 5; ++i) loop().turn(milliseconds(5));
    std::string all;
    std::vector<char> buffer(4096);
    Result<std::size_t> got{std::size_t{0}};
    while (pair.far->try_read(buffer, got) == net::Stream::Io::kDone && got.has_value() && *got > 0)
      all.append(buffer.data(), *got);
    return all;
  }
  // What has come by now has its turns; then so much time passes at once.
  void pass(std::chrono::seconds time) {
    for (int i = 0; i < 3; ++i) loop().turn(milliseconds(0));
    clock.skip(time);
    for (int i = 0; i < 3; ++i) loop().turn(milliseconds(0));
  }
  static std::size_t count(std::string_view text, std::string_view part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
      ++found;
    return found;
  }
};

TEST_F(ServeTest, AnswersOneRequestAfterTheOtherOnOneConnection) {
  begin();
  send("GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(receive().find("GET /one "), std::string::npos);
  send("GET /two HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(receive().find("GET /two "), std::string::npos);
  EXPECT_EQ(handler.handled, 2);
  EXPECT_FALSE(over);
}

TEST_F(ServeTest, AnswersPipelinedRequestsInOrder) {
  begin();
  send(
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 "
      "HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string all = receive();
  EXPECT_LT(all.find("POST /1 abc"), all.find("GET /2 "));
  EXPECT_LT(all.find("GET /2 "), all.find("GET /3 "));
}

TEST_F(ServeTest, ReadsARequestThatComesByteByByte) {
  begin();
  for (const char c : std::string_view("PUT /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                       "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n")) {
    send({&c, 1});
    loop().turn(milliseconds(1));
  }
  EXPECT_NE(receive().find("PUT /slow abcde"), std::string::npos);
}

TEST_F(ServeTest, TheHeadStaysReadableWhileALargeBodyStreams) {
  begin();
  const std::string body(20000, 'b');
  send("POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
  std::string all;
  for (int i = 0; i < 10; ++i) {
    send(body);
    all += receive();
  }
  for (int i = 0; i < 50 && all.size() < 200000; ++i) all += receive();
  EXPECT_NE(all.find("POST /large bbb"), std::string::npos);
}

TEST_F(ServeTest, ASmallBodyThatNobodyReadsIsReadAwayAndTheConnectionLivesOn) {
  handler.reads_bodies = false;
  begin();
  send(
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789GET /2 HTTP/1.1\r\nHost: "
      "a\r\n\r\n");
  EXPECT_NE(receive().find("GET /2 "), std::string::npos);
}

TEST_F(ServeTest, ALargeBodyThatNobodyReadsCostsTheConnectionOnceTheAnswerIsOut) {
  handler.reads_bodies = false;
  begin();
  send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" + std::string(60000, 'x'));
  EXPECT_NE(receive().find("POST /1"), std::string::npos);
  send(std::string(60000, 'x'));
  receive();
  pair.far->shutdown_write();
  EXPECT_TRUE(run_until([&] { return over; }));
  EXPECT_EQ(handler.handled, 1);
}

TEST_F(ServeTest, AMalformedHeadIsRefusedAndTheConnectionClosed) {
  begin();
  send("GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive(), "REFUSED");
  EXPECT_EQ(handler.last_error, Code::kBadRequest);
  pair.far.reset();
  EXPECT_TRUE(run_until([&] { return over; }));
  EXPECT_EQ(handler.handled, 0);
}

TEST_F(ServeTest, AHeadOverItsLimitIsRefused) {
  limits.head.bytes = 1024;
  begin();
  send("GET /x HTTP/1.1\r\nHost: a\r\nX: " + std::string(2000, 'x'));
  receive();
  EXPECT_EQ(handler.last_error, Code::kHeadTooLarge);
}

TEST_F(ServeTest, ABodyOverItsLimitIsRefusedHoweverItIsFramed) {
  limits.body = 10;
  begin();
  send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
  receive();
  EXPECT_EQ(handler.last_error, Code::kTooLarge);
  EXPECT_EQ(handler.handled, 0);
}

TEST_F(ServeTest, AChunkedBodyOverItsLimitIsCutOff) {
  limits.body = 10;
  begin();
  send("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n");
  receive();
  EXPECT_EQ(handler.last_error, Code::kTooLarge);
}

TEST_F(ServeTest, ACallerThatDripsAHeadIsGivenUpOn) {
  limits.head_timeout = milliseconds(80);
  begin();
  send("GET /x HT");
  EXPECT_TRUE(run_until([&] { return over; }));
  EXPECT_EQ(handler.handled, 0);
  EXPECT_EQ(metrics.value(telemetry::Counter::kDeadlinesExpired), 1U);
}

TEST_F(ServeTest, AnIdleConnectionHoldsNoBufferAndIsClosedInTime) {
  limits.idle_timeout = milliseconds(80);
  begin();
  send("GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
  receive();
  net::Buffer probe(buffers);
  probe.room();
  net::Lent<RequestHead> head(buffers);
  head.make();
  EXPECT_LE(buffers.bytes(), 2 * net::kBufferSize + net::kLentSize);  // lent and given back, not held
  EXPECT_TRUE(run_until([&] { return over; }));
}

TEST_F(ServeTest, DrainingClosesAnIdleConnectionAtOnce) {
  begin();
  send("GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
  receive();
  connection->stop_when_idle();
  EXPECT_TRUE(run_until([&] { return over; }));
}

TEST_F(ServeTest, HonoursConnectionClose) {
  begin();
  send("GET /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_NE(receive().find("Connection: close"), std::string::npos);
  pair.far.reset();
  EXPECT_TRUE(run_until([&] { return over; }));
}

TEST_F(ServeTest, ACallerThatHalfClosesStillGetsItsAnswer) {
  begin();
  send("GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
  pair.far->shutdown_write();
  EXPECT_NE(receive().find("GET /one "), std::string::npos);
  EXPECT_TRUE(run_until([&] { return over; }));
}

TEST_F(ServeTest, TheLastRequestThatAConnectionMayHaveIsAnsweredWithClose) {
  limits.requests = 2;
  begin();
  send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(receive().find("Connection: close"), std::string::npos);
  send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string last = receive();
  EXPECT_NE(last.find("Connection: close"), std::string::npos);
  EXPECT_EQ(last.find("GET /3"), std::string::npos);
  pair.far.reset();
  EXPECT_TRUE(run_until([&] { return over; }));
  EXPECT_EQ(handler.handled, 2);
  EXPECT_EQ(metrics.value(telemetry::Counter::kLimitRequestsPerConnection), 1U);
}

TEST_F(ServeTest, ANewCallerThatSaysNothingHasNoLongerThanForAHead) {
  limits.head_timeout = milliseconds(80);
  begin();
  EXPECT_TRUE(run_until([&] { return over; }));
  EXPECT_EQ(metrics.value(telemetry::Counter::kLimitIdleTimeout), 1U);
}

TEST_F(ServeTest, EachRequestGoesByTheLimitsThatAreInForceWhenItComes) {
  begin();
  send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(receive().find("GET /1"), std::string::npos);
  auto tighter = std::make_shared<ServerLimits>();
  tighter->body = 1;
  newest = std::move(tighter);
  send("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
  EXPECT_EQ(receive(), "REFUSED");
  EXPECT_EQ(metrics.value(telemetry::Counter::kLimitBody), 1U);
}

TEST_F(ServeTest, ABodyThatDripsIsGivenUpOnAlthoughItNeverStops) {
  limits.body_idle_timeout = std::chrono::seconds(200);
  limits.body_rate = 1;
  begin();
  send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  for (int i = 0; i < 50 && !handler.last_error; ++i) {
    send("x");
    pass(std::chrono::seconds(40));
  }
  EXPECT_EQ(handler.last_error, Code::kTimeout);
  EXPECT_EQ(metrics.value(telemetry::Counter::kLimitBodyRate), 1U);
  EXPECT_EQ(metrics.value(telemetry::Counter::kLimitBodyIdleTimeout), 0U);
}

TEST_F(ServeTest, ABodyThatComesFastEnoughMayTakeItsTime) {
  limits.body_idle_timeout = std::chrono::seconds(200);
  limits.body_rate = 1;
  begin();
  send("POST /steady HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n");
  std::string all;
  for (int i = 0; i < 10; ++i) {
    pass(std::chrono::seconds(40));  // 400 in all, twice what everybody has
    send(std::string(200, 'x'));
    all += receive();
  }
  EXPECT_NE(all.find("POST /steady xxx"), std::string::npos);
}

TEST_F(ServeTest, ABodyThatStopsIsGivenUpOn) {
  limits.body_idle_timeout = milliseconds(100);
  limits.body_rate = 0;
  begin();
  send("POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
  EXPECT_TRUE(run_until([&] { return handler.last_error.has_value(); }));
  EXPECT_EQ(handler.last_error, Code::kTimeout);
  EXPECT_EQ(metrics.value(telemetry::Counter::kLimitBodyIdleTimeout), 1U);
}

// Sends events for as long as the caller takes them.
class EventHandler final : public Handler {
 public:
  net::Task<void> handle(ServerConnection& connection) override {
    const std::string event(piece, 'e');
    for (auto sent = ok(); sent.has_value();) {
      sent = co_await connection.write(event);
      if (sent.has_value()) sent = co_await connection.flush();
      if (!sent.has_value()) error = sent.error().code();
    }
    connection.abort();
  }
  net::Task<void> refuse(ServerConnection&, Error) override { co_return; }
  std::size_t piece = 100;
  std::optional<Code> error;
};

struct SlowReaderTest : ServeTest {
  EventHandler events;
  void begin_events(std::size_t piece) {
    const int smallest = 1;
    ::setsockopt(pair.near->source().fd(), SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest);
    events.piece = piece;
    newest = std::make_shared<const ServerLimits>(limits);
    connection.emplace(std::move(pair.near), net::Endpoint{}, buffers, newest, metrics);
    net::spawn(run_events());
    send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  net::Task<void> run_events() {
    co_await serve(*connection, events);
    connection.reset();
    over = true;
  }
};

TEST_F(SlowReaderTest, IsGivenUpOnWhenItTakesNothing) {
  limits.body_idle_timeout = milliseconds(100);
  begin_events(20000);
  EXPECT_TRUE(run_until([&] { return over; }));
  EXPECT_EQ(events.error, Code::kTimeout);
  EXPECT_EQ(metrics.value(telemetry::Counter::kLimitSlowReader), 1U);
}

TEST_F(SlowReaderTest, IsGivenUpOnWhenItTakesEachOfManySmallPiecesLate) {
  limits.body_idle_timeout = std::chrono::seconds(200);
  begin_events(100);
  for (int i = 0; i < 20 && !over; ++i) {
    pass(std::chrono::seconds(120));
    if (!over) receive();
  }
  EXPECT_EQ(events.error, Code::kTimeout);
}

TEST_F(ServeTest, AMessageThatBreaksARuleIsCountedByIt) {
  using telemetry::CodecRule;
  using telemetry::Side;
  begin();
  send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(receive().find("GET / "), std::string::npos);
  send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_NE(receive().find("REFUSED"), std::string::npos);
  EXPECT_EQ(metrics.value(Side::kCaller, CodecRule::kTwoFramings), 1U);
  std::uint64_t all = 0;
  for (std::size_t rule = 0; rule < static_cast<std::size_t>(CodecRule::kCount); ++rule)
    all += metrics.value(Side::kCaller, static_cast<CodecRule>(rule));
  EXPECT_EQ(all, 1U);
}

TEST_F(ServeTest, ABodyThatBreaksARuleIsCountedOnce) {
  using telemetry::CodecRule;
  using telemetry::Side;
  begin();
  send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  receive();
  EXPECT_EQ(handler.last_error, Code::kBadRequest);
  EXPECT_EQ(metrics.value(Side::kCaller, CodecRule::kChunk), 1U);
}

}  // namespace
}  // namespace claviger::http
