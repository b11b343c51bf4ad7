// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "http/parser.h"

namespace claviger::http {
namespace {

using std::string_literals::operator""s;

class ResponseParser : public ::testing::Test {
 protected:
  std::string parse(std::string head, Method method = Method::kGet) {
    text_ = std::move(head);
    const auto result = parse_response_head(text_, limits_, method, head_);
    if (result.has_value()) return "";
    EXPECT_EQ(result.error().code(), Code::kUpstreamFailed);
    EXPECT_EQ(result.error().blame(), Blame::kUpstream);
    return std::string(result.error().what());
  }
  std::string parse_fields(const std::string& lines) { return parse("HTTP/1.1 200 OK\r\n" + lines + "\r\n"); }
  // Of an answer that says how long it is.
  Framing framing(unsigned status, const std::string& lines, Method method = Method::kGet) {
    EXPECT_EQ(parse("HTTP/1.1 " + std::to_string(status) + " X\r\n" + lines + "\r\n", method), "");
    return head_.framing;
  }

  HeadLimits limits_;
  ResponseHead head_;
  std::string text_;
};

TEST_F(ResponseParser, ReadsAnOrdinaryAnswer) {
  ASSERT_EQ(parse("HTTP/1.1 404 Not Found\r\nServer: x\r\nContent-Length: 7\r\n\r\n"), "");
  EXPECT_EQ(head_.status, 404U);
  EXPECT_EQ(head_.reason, "Not Found");
  EXPECT_EQ(head_.minor, 1);
  EXPECT_EQ(head_.framing, Framing::kLength);
  EXPECT_TRUE(head_.has_content_length);
  EXPECT_EQ(head_.content_length, 7U);
  EXPECT_TRUE(head_.keep_alive);
  ASSERT_EQ(head_.fields.size(), 2U);
  EXPECT_EQ(head_.fields[0].known, FieldName::kServer);
}

TEST_F(ResponseParser, LeavesNothingOfTheAnswerBefore) {
  ASSERT_EQ(parse("HTTP/1.0 404 Not Found\r\nContent-Length: 7\r\n\r\n"), "");
  ASSERT_NE(parse("x"), "");
  EXPECT_EQ(head_.status, 0U);
  EXPECT_EQ(head_.reason, "");
  EXPECT_EQ(head_.minor, 1);
  EXPECT_EQ(head_.framing, Framing::kNone);
  EXPECT_FALSE(head_.has_content_length);
  EXPECT_EQ(head_.content_length, 0U);
  EXPECT_TRUE(head_.keep_alive);
  EXPECT_EQ(head_.fields.size(), 0U);
}

TEST_F(ResponseParser, TakesAnyReasonOrNone) {
  EXPECT_EQ(parse("HTTP/1.1 200\r\n\r\n"), "");
  EXPECT_EQ(head_.reason, "");
  EXPECT_EQ(parse("HTTP/1.1 200 \r\n\r\n"), "");
  EXPECT_EQ(head_.reason, "");
  EXPECT_EQ(parse("HTTP/1.1 200 \tD'accord, \xC3\xA7"
                  "a va\r\n\r\n"),
            "");
  EXPECT_EQ(head_.reason,
            "\tD'accord, \xC3\xA7"
            "a va");
}

TEST_F(ResponseParser, RefusesStatusLinesThatAreMalformed) {
  for (const char* line : {"",
                           "HTTP/1.1",
                           "HTTP/1.1 ",
                           "HTTP/1.1 20",
                           "HTTP/1.1 2000",
                           "HTTP/1.1 20a OK",
                           "HTTP/1.1  200 OK",
                           "HTTP/1.1\t200 OK",
                           "HTTP/1.1 200\tOK",
                           " HTTP/1.1 200 OK",
                           "HTTP/2 200",
                           "HTTP/1.2 200 OK",
                           "http/1.1 200 OK",
                           "HTTP/1.1 099 X",
                           "HTTP/1.1 600 X",
                           "HTTP/1.1 999 X",
                           "HTTP/1.1 -20 X",
                           "HTTP/1.1 200 O\x01K",
                           "HTTP/1.1 200 O\x7FK",
                           "HTTP/1.1 200 O\rK",
                           "HTTP/1.1 200 O\nK",
                           "ICY 200 OK",
                           "200 OK",
                           "HTTP/11 200 OK"}) {
    EXPECT_NE(parse(line + "\r\n\r\n"s), "") << line;
  }
  EXPECT_NE(parse("HTTP/1.1 200 OK\0\r\n\r\n"s), "");
  EXPECT_NE(parse("\r\nHTTP/1.1 200 OK\r\n\r\n"), "");
}

TEST_F(ResponseParser, HoldsFieldsToTheSameRulesAsRequests) {
  for (const char* lines :
       {"A: b\r\n c\r\n", "A : b\r\n", ": b\r\n", "A\r\n", "A: b\nC: d\r\n", "A: b\rC: d\r\n", "A: \x01\r\n",
        "A(: b\r\n", "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: +1\r\n",
        "Content-Length: 9223372036854775808\r\n", "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Connection: content-length\r\nContent-Length: 1\r\n"}) {
    EXPECT_NE(parse_fields(lines), "") << lines;
  }
}

TEST_F(ResponseParser, RefusesContentLengthBesideTransferEncoding) {
  EXPECT_EQ(parse_fields("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
            "Content-Length beside Transfer-Encoding");
}

TEST_F(ResponseParser, RefusesTransferEncodingInHttp10) {
  EXPECT_EQ(parse("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), "Transfer-Encoding in HTTP/1.0");
}

TEST_F(ResponseParser, FindsTheEndOfTheBody) {
  EXPECT_EQ(framing(200, "Content-Length: 3\r\n"), Framing::kLength);
  EXPECT_EQ(framing(200, "Content-Length: 0\r\n"), Framing::kLength);
  EXPECT_EQ(framing(500, "Transfer-Encoding: chunked\r\n"), Framing::kChunked);
  EXPECT_EQ(framing(200, ""), Framing::kUntilClose);
  EXPECT_FALSE(head_.keep_alive) << "the connection's end is the body's end";
}

TEST_F(ResponseParser, KnowsWhichAnswersHaveNoBody) {
  EXPECT_EQ(framing(200, "Content-Length: 3\r\n", Method::kHead), Framing::kNone);
  EXPECT_TRUE(head_.has_content_length);
  EXPECT_EQ(head_.content_length, 3U);
  EXPECT_TRUE(head_.keep_alive);
  EXPECT_EQ(framing(200, "Transfer-Encoding: chunked\r\n", Method::kHead), Framing::kNone);
  EXPECT_EQ(framing(200, "", Method::kHead), Framing::kNone);
  EXPECT_TRUE(head_.keep_alive);
  EXPECT_EQ(framing(304, "Content-Length: 3\r\n"), Framing::kNone);
  EXPECT_EQ(head_.content_length, 3U);
  EXPECT_EQ(framing(204, ""), Framing::kNone);
  EXPECT_EQ(framing(100, ""), Framing::kNone);
  EXPECT_EQ(framing(101, "Upgrade: websocket\r\nConnection: upgrade\r\n"), Framing::kNone);
}

TEST_F(ResponseParser, DoesNotReuseAConnectionWhose204ClaimsABody) {
  EXPECT_EQ(framing(204, "Content-Length: 0\r\n"), Framing::kNone);
  EXPECT_TRUE(head_.keep_alive);
  EXPECT_FALSE(head_.has_content_length) << "RFC 9110 section 8.6";
  EXPECT_EQ(framing(204, "Content-Length: 3\r\n"), Framing::kNone);
  EXPECT_FALSE(head_.keep_alive);
  EXPECT_EQ(framing(204, "Transfer-Encoding: chunked\r\n"), Framing::kNone);
  EXPECT_FALSE(head_.keep_alive);
}

TEST_F(ResponseParser, RefusesAnInterimAnswerWithABody) {
  EXPECT_EQ(parse("HTTP/1.1 103 X\r\nContent-Length: 3\r\n\r\n"), "an interim answer claims to have a body");
  EXPECT_EQ(parse("HTTP/1.1 100 X\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "an interim answer claims to have a body");
}

TEST_F(ResponseParser, DecidesOnKeepAliveByVersionAndConnection) {
  const auto keep_alive = [&](const char* version, const char* lines) {
    EXPECT_EQ(parse(version + " 200 OK\r\nContent-Length: 0\r\n"s + lines + "\r\n"), "");
    return head_.keep_alive;
  };
  EXPECT_TRUE(keep_alive("HTTP/1.1", ""));
  EXPECT_FALSE(keep_alive("HTTP/1.1", "Connection: close\r\n"));
  EXPECT_FALSE(keep_alive("HTTP/1.0", ""));
  EXPECT_TRUE(keep_alive("HTTP/1.0", "Connection: keep-alive\r\n"));
  EXPECT_FALSE(keep_alive("HTTP/1.1", "Connection: Keep-Alive: 300\r\n")) << "an odd option closes";
}

TEST_F(ResponseParser, LeavesExpectAlone) {
  EXPECT_EQ(parse_fields("Expect: x\r\nContent-Length: 0\r\n"), "");
}

TEST_F(ResponseParser, HoldsItsLimits) {
  limits_ = {.bytes = 60, .fields = 1, .target = 1};
  EXPECT_EQ(parse_fields("A: b\r\n"), "");
  EXPECT_EQ(parse_fields("A: b\r\nC: d\r\n"), "too many fields");
  EXPECT_EQ(parse_fields("A: " + std::string(60, 'b') + "\r\n"), "the head is too large");
}

TEST_F(ResponseParser, RefusesAHeadThatIsNotWholeOrMore) {
  const std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(parse(whole.substr(0, size)), "") << size;
  }
  EXPECT_EQ(parse(whole + "abc"), "bytes after the end of the head");
}

}  // namespace
}  // namespace claviger::http
