// SPDX-License-Identifier: Apache-2.0
// What becomes of answers that show the credential, and of those that might, from the upstream's socket to the caller's.
#include "gateway/answer_mask.h"

#include <gtest/gtest.h>

#include "gateway/testing/caller.h"
#include "gateway/testing/script.h"
#include "http/body.h"
#include "net/listener.h"
#include "net/testing/skipping_clock.h"

namespace claviger::gateway {
namespace {

using std::chrono::milliseconds;

struct AnswerMaskTest : ::testing::Test {
  net::ListeningSocket socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  net::testing::SkippingClock clock;
  testing::Stand stand{socket.bound.port, clock};
  testing::Script script;
  std::unique_ptr<net::Acceptor> acceptor = script.listen(stand.loop(), socket.fd);
  const std::string secret{testing::Stand::kSecret};
  const std::string stars = std::string(secret.size(), '*');

  ~AnswerMaskTest() override {
    acceptor.reset();
    stand.worker().pools.retire_all();
    for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(1));
  }

  static std::string chunk(const std::string& data) {
    std::array<char, http::kChunkHeadSize> size_line;
    const std::size_t size = http::write_chunk_head(data.size(), size_line);
    return std::string(size_line.data(), size) + data + "\r\n";
  }
  static std::string stream_of(const std::string& chunks) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
           chunks;
  }
  // The body that a caller has got of a chunked answer.
  static std::string body_of(std::string_view heard) {
    heard.remove_prefix(std::min(heard.size(), heard.find("\r\n\r\n") + 4));
    http::BodyReader reader(http::Framing::kChunked, 0, Blame::kUpstream);
    std::string body;
    while (!heard.empty() && !reader.is_done()) {
      const auto step = reader.next(heard);
      if (!step.has_value()) return "malformed";
      body += step->data;
      heard.remove_prefix(step->consumed);
    }
    return body;
  }
  bool has_body(testing::Caller& caller, const std::string& body) {
    return stand.run_until([&] { return body_of(caller.heard()) == body; });
  }
  void turn() {
    for (int i = 0; i < 5; ++i) stand.loop().turn(milliseconds(1));
  }
};

TEST_F(AnswerMaskTest, AnEventGoesOnAtOnceWithItsEchoesMasked) {
  script.connections = {{{"\r\n\r\n", stream_of(chunk("data: " + secret + "\n\ndata: fake-\n\n"))}}};
  testing::Caller caller(stand);
  caller.get("/api/v1/x");
  ASSERT_TRUE(has_body(caller, "data: " + stars + "\n\ndata: fake-\n\n")) << caller.heard();
}

TEST_F(AnswerMaskTest, AWordGoesOnWhenNothingMoreHasComeForAMoment) {
  script.connections = {{{"\r\n\r\n", stream_of(chunk("data: hello"))}}};
  testing::Caller caller(stand);
  caller.get("/api/v1/x");
  ASSERT_TRUE(has_body(caller, "data: "));
  clock.skip(AnswerMask::kPause);
  ASSERT_TRUE(has_body(caller, "data: hello"));
  turn();
  EXPECT_FALSE(caller.is_over());
}

TEST_F(AnswerMaskTest, AnEchoInWhichTheUpstreamStopsIsNotShown) {
  const std::string cut = secret.substr(0, 20);
  script.connections = {{{"\r\n\r\n", stream_of(chunk("data: hello " + cut))}}};
  testing::Caller caller(stand);
  caller.get("/api/v1/x");
  ASSERT_TRUE(has_body(caller, "data: hello "));
  for (int i = 0; i < 10; ++i) {
    clock.skip(AnswerMask::kPause);
    turn();
  }
  EXPECT_EQ(body_of(caller.heard()), "data: hello ");
  clock.skip(std::chrono::seconds(10));  // the upstream's time-out, not longer by the pause
  ASSERT_TRUE(stand.run_until([&] { return caller.is_over(); }));
  EXPECT_EQ(caller.heard().find("fake"), std::string::npos);
}

TEST_F(AnswerMaskTest, WhatIsKeptGoesOnAtTheEnd) {
  const std::string cut = secret.substr(0, 20);
  script.connections = {
      {{"\r\n\r\n", stream_of(chunk("you: " + secret + secret) + chunk(" and " + cut) + "0\r\n\r\n")}}};
  testing::Caller caller(stand);
  caller.get("/api/v1/x");
  ASSERT_TRUE(caller.hears("0\r\n\r\n"));
  EXPECT_EQ(body_of(caller.heard()), "you: " + stars + stars + " and " + cut);
}

TEST_F(AnswerMaskTest, TheCallsEventsTellHowOften) {
  const std::string body = secret + "," + secret;
  script.connections = {{{"\r\n\r\n", "HTTP/1.1 200 OK\r\nX-Echo: " + secret + "\r\nContent-Length: " +
                                          std::to_string(body.size()) + "\r\n\r\n" + body}}};
  testing::Caller caller(stand);
  caller.get("/api/v1/x");
  ASSERT_TRUE(caller.hears(stars + "," + stars));
  turn();
  const auto& events = stand.lane().events;
  ASSERT_GE(events.size(), 2U);
  const std::string& told = events[events.size() - 2];
  EXPECT_NE(told.find(R"("credential.echo_masked")"), std::string::npos) << told;
  EXPECT_NE(told.find(R"("in_head":1,"in_body":2)"), std::string::npos) << told;
  EXPECT_NE(events.back().find(R"("call.finished")"), std::string::npos);
  for (const std::string& event : events) EXPECT_EQ(event.find(secret), std::string::npos);
  EXPECT_EQ(stand.metrics().value(telemetry::Counter::kCredentialEchoesMasked), 3U);
}

}  // namespace
}  // namespace claviger::gateway
