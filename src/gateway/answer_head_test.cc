// SPDX-License-Identifier: Apache-2.0
#include "gateway/answer_head.h"

#include <gtest/gtest.h>

#include <string>

#include "http/parser.h"

namespace claviger::gateway {
namespace {

struct AnswerHeadTest : ::testing::Test {
  std::string text;
  http::ResponseHead answer;
  http::RequestHead request;
  policy::AnswerRules rules;

  std::string written(std::string_view from, http::Method method = http::Method::kGet,
                      bool keep_alive = true) {
    text = from;
    EXPECT_TRUE(http::parse_response_head(text, http::HeadLimits(), method, answer).has_value());
    std::string room(4096, '\0');
    http::HeadWriter out(room);
    EXPECT_TRUE(write_answer_head(request, answer, answer_framing(request, answer), keep_alive,
                                  "the-request-id", rules, out));
    return std::string(out.text());
  }
};

TEST_F(AnswerHeadTest, RelaysStatusReasonAndFields) {
  EXPECT_EQ(written("HTTP/1.1 404 Nope\r\nContent-Type: text/x\r\nServer: up\r\nContent-Length: 3\r\n\r\n"),
            "HTTP/1.1 404 Nope\r\nContent-Type: text/x\r\nServer: up\r\nX-Request-Id: "
            "the-request-id\r\nContent-Length: 3\r\n\r\n");
}

TEST_F(AnswerHeadTest, DropsCookiesHopsAndWhatOnlyTheGatewayMaySay) {
  const std::string head = written(
      "HTTP/1.1 200 OK\r\nSet-Cookie: session=1\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: "
      "5\r\nX-Claviger-Error: denied\r\n"
      "Alt-Svc: h3=\":443\"\r\nVia: 1.1 x\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(head, "HTTP/1.1 200 OK\r\nX-Request-Id: the-request-id\r\nContent-Length: 0\r\n\r\n");
}

TEST_F(AnswerHeadTest, PassesCookiesWhereTheUpstreamsRulesSayIt) {
  constexpr std::string_view kAnswer =
      "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie2: b=2\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(written(kAnswer).find("ookie"), std::string::npos);
  rules.pass_cookies = true;
  EXPECT_NE(written(kAnswer).find("Set-Cookie: a=1\r\nset-cookie2: b=2\r\n"), std::string::npos);
}

TEST_F(AnswerHeadTest, TheUpstreamsRequestIdComesUnderAnotherName) {
  EXPECT_NE(written("HTTP/1.1 200 OK\r\nX-Request-Id: req_1\r\nContent-Length: 0\r\n\r\n")
                .find("X-Upstream-Request-Id: req_1\r\n"),
            std::string::npos);
}

TEST_F(AnswerHeadTest, FramesByLengthChunksOrTheClose) {
  EXPECT_NE(
      written("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").find("Transfer-Encoding: chunked\r\n"),
      std::string::npos);
  EXPECT_NE(written("HTTP/1.1 200 OK\r\n\r\n").find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  request.minor = 0;
  const std::string old =
      written("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", http::Method::kGet, false);
  EXPECT_EQ(old.find("Transfer-Encoding"), std::string::npos);
  EXPECT_NE(old.find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(written("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").find("Connection: keep-alive\r\n"),
            std::string::npos);
}

TEST_F(AnswerHeadTest, KeepsTheLengthThatHeadAndNotModifiedSay) {
  EXPECT_NE(written("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", http::Method::kHead)
                .find("Content-Length: 77"),
            std::string::npos);
  EXPECT_NE(written("HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n").find("Content-Length: 77"),
            std::string::npos);
  EXPECT_EQ(written("HTTP/1.1 204 No Content\r\n\r\n").find("Content-Length"), std::string::npos);
}

}  // namespace
}  // namespace claviger::gateway
