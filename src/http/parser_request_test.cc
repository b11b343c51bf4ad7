// SPDX-License-Identifier: Apache-2.0
// The rules in parser.h's list that concern fields, framing and the connection, by name.
#include <gtest/gtest.h>

#include <string>

#include "http/parser_request_fixture.h"

namespace claviger::http {
namespace {

using std::string_literals::operator""s;

TEST_F(RequestParser, ReadsAnOrdinaryRequest) {
  ASSERT_EQ(parse("PUT /v1/a%20b?x=1&y=%2F HTTP/1.1\r\nHost: api.example.com:8443\r\nAccept: \t*/* \r\n"
                  "Content-Length: 12\r\nX-Empty:\r\n\r\n"),
            "");
  EXPECT_EQ(head_.method, Method::kPut);
  EXPECT_EQ(head_.method_text, "PUT");
  EXPECT_EQ(head_.target, "/v1/a%20b?x=1&y=%2F");
  EXPECT_EQ(head_.path, "/v1/a%20b");
  EXPECT_EQ(head_.query, "x=1&y=%2F");
  EXPECT_TRUE(head_.has_query);
  EXPECT_EQ(head_.minor, 1);
  EXPECT_EQ(head_.host, "api.example.com:8443");
  EXPECT_EQ(head_.framing, Framing::kLength);
  EXPECT_EQ(head_.content_length, 12U);
  EXPECT_TRUE(head_.keep_alive);
  EXPECT_FALSE(head_.expects_continue);
  ASSERT_EQ(head_.fields.size(), 4U);
  EXPECT_EQ(head_.fields[1].name, "Accept");
  EXPECT_EQ(head_.fields[1].value, "*/*");
  EXPECT_EQ(head_.fields[2].known, FieldName::kContentLength);
  EXPECT_EQ(head_.fields[3].value, "");
}

TEST_F(RequestParser, LeavesNothingOfTheRequestBefore) {
  ASSERT_EQ(parse("POST /a?b HTTP/1.0\r\nHost: h\r\nContent-Length: 9\r\nConnection: close\r\n\r\n"), "");
  ASSERT_EQ(parse("PUT /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"), "");
  ASSERT_EQ(parse("X / HTTP/1.0\r\n\r\n"), "");
  EXPECT_EQ(head_.method, Method::kOther);
  EXPECT_EQ(head_.query, "");
  EXPECT_FALSE(head_.has_query);
  EXPECT_EQ(head_.host, "");
  EXPECT_EQ(head_.framing, Framing::kNone);
  EXPECT_EQ(head_.content_length, 0U);
  EXPECT_FALSE(head_.expects_continue);
  EXPECT_EQ(head_.fields.size(), 0U);
}

TEST_F(RequestParser, LeavesNothingOfTheRequestBeforeOneThatItRefuses) {
  ASSERT_EQ(parse("PUT /a?b HTTP/1.0\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"), "");
  ASSERT_NE(parse("\r\n\r\n"), "");
  EXPECT_EQ(head_.method, Method::kOther);
  EXPECT_EQ(head_.method_text, "");
  EXPECT_EQ(head_.target, "");
  EXPECT_EQ(head_.path, "");
  EXPECT_EQ(head_.query, "");
  EXPECT_FALSE(head_.has_query);
  EXPECT_EQ(head_.minor, 1);
  EXPECT_EQ(head_.host, "");
  EXPECT_EQ(head_.framing, Framing::kNone);
  EXPECT_EQ(head_.content_length, 0U);
  EXPECT_TRUE(head_.keep_alive);
  EXPECT_FALSE(head_.expects_continue);
  EXPECT_EQ(head_.fields.size(), 0U);
}

TEST_F(RequestParser, RefusesLinesThatEndInABareLf) {
  EXPECT_NE(parse("GET / HTTP/1.1\nHost: h\r\n\r\n"), "");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: h\n\r\n"), "a line does not end with CR LF");
  EXPECT_NE(parse("GET / HTTP/1.1\r\nHost: h\r\n\n"), "");
  EXPECT_EQ(parse_fields("A: b\nTransfer-Encoding: chunked\r\n"), "a line does not end with CR LF");
  EXPECT_EQ(parse_fields("A: b\x01\nC: d\r\n"), "a control byte in a field");
}

TEST_F(RequestParser, RefusesABareCr) {
  EXPECT_EQ(parse_fields("A: b\rContent-Length: 3\r\n"), "a line does not end with CR LF");
  EXPECT_NE(parse_fields("A\r: b\r\n"), "");
  EXPECT_NE(parse("GET / HTTP/1.1\rHost: h\r\n\r\n"), "");
  EXPECT_NE(parse("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"), "");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: h\r\n\rX"), "the head has no end");
}

TEST_F(RequestParser, RefusesFoldedFields) {
  EXPECT_EQ(parse_fields("A: b\r\n c\r\n"), "a field line is folded");
  EXPECT_EQ(parse_fields("A: b\r\n\tc\r\n"), "a field line is folded");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\n Host: h\r\n\r\n"), "a field line is folded");
}

TEST_F(RequestParser, RefusesSpaceBeforeTheColon) {
  EXPECT_EQ(parse_fields("Content-Length : 3\r\n"), "white space before the colon of a field");
  EXPECT_EQ(parse_fields("Transfer-Encoding\t: chunked\r\n"), "white space before the colon of a field");
}

TEST_F(RequestParser, RefusesNamesThatAreNoTokens) {
  EXPECT_EQ(parse_fields(": v\r\n"), "a field has no name");
  EXPECT_EQ(parse_fields("A(b): v\r\n"), "a field name is no token");
  EXPECT_EQ(parse_fields("\"A\": v\r\n"), "a field name is no token");
  EXPECT_EQ(parse_fields("Caf\xC3\xA9: v\r\n"), "a field name is no token");
  EXPECT_EQ(parse_fields("A\0: v\r\n"s), "a field name is no token");
  EXPECT_EQ(parse_fields("no colon\r\n"), "white space before the colon of a field");
  EXPECT_EQ(parse_fields("nocolon\r\n"), "a field line has no colon");
  EXPECT_EQ(parse_fields("!#$%&'*+-.^_`|~09azAZ: v\r\n"), "");
}

TEST_F(RequestParser, RefusesControlBytesInValuesAndTakesAllOthers) {
  for (int octet = 0; octet < 256; ++octet) {
    const bool control = (octet < 0x20 && octet != '\t') || octet == 0x7F;
    // At every place of a sixteen-byte block, and in the tail.
    for (const std::size_t place : {0U, 7U, 15U, 16U, 31U, 39U}) {
      std::string value(40, 'v');
      value[place] = static_cast<char>(octet);
      EXPECT_EQ(parse_fields("A: " + value + "\r\n").empty(), !control) << octet << " at " << place;
    }
  }
}

TEST_F(RequestParser, RefusesContentLengthBesideTransferEncoding) {
  EXPECT_EQ(parse_fields("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
            "Content-Length beside Transfer-Encoding");
  EXPECT_EQ(parse_fields("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
            "Content-Length beside Transfer-Encoding");
}

TEST_F(RequestParser, RefusesARepeatedContentLengthEvenWhenEqual) {
  EXPECT_EQ(parse_fields("Content-Length: 3\r\nContent-Length: 3\r\n"), "more than one Content-Length");
  EXPECT_EQ(parse_fields("Content-Length: 3\r\nA: b\r\ncontent-length: 4\r\n"),
            "more than one Content-Length");
  EXPECT_EQ(parse_fields("Content-Length: 3, 3\r\n"), "Content-Length is no number");
}

TEST_F(RequestParser, RefusesLengthsThatAreNoPlainNumbers) {
  for (const char* value :
       {"", "+3", "-3", "0x3", "3 ,", "3;", "3.0", "1e3", "3a", "\"3\"", "1_000", "\xC2\xB3"}) {
    EXPECT_EQ(parse_fields("Content-Length: "s + value + "\r\n"), "Content-Length is no number") << value;
  }
  EXPECT_EQ(parse_fields("Content-Length: 03\r\n"), "Content-Length has leading zeros");
  EXPECT_EQ(parse_fields("Content-Length: 00\r\n"), "Content-Length has leading zeros");
}

TEST_F(RequestParser, RefusesLengthsThatOverflow) {
  EXPECT_EQ(parse_fields("Content-Length: 9223372036854775807\r\n"), "");
  EXPECT_EQ(head_.content_length, 9223372036854775807U);
  for (const char* value : {"9223372036854775808", "18446744073709551616", "18446744073709551619",
                            "99999999999999999999", "100000000000000000000000000000000000000003"}) {
    EXPECT_EQ(parse_fields("Content-Length: "s + value + "\r\n"), "Content-Length is too large") << value;
  }
}

TEST_F(RequestParser, TellsALengthOfZeroFromNone) {
  ASSERT_EQ(parse_fields("Content-Length: 0\r\n"), "");
  EXPECT_EQ(head_.framing, Framing::kLength);
  ASSERT_EQ(parse_fields(""), "");
  EXPECT_EQ(head_.framing, Framing::kNone);
}

TEST_F(RequestParser, RefusesAnyTransferEncodingButChunked) {
  for (const char* value : {"", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity",
                            "xchunked", "chunked;q=1", "\"chunked\"", ",chunked", "chunked,", "chunkedd",
                            "chunke", "chun ked", "chunked\x85"}) {
    EXPECT_EQ(parse_fields("Transfer-Encoding: "s + value + "\r\n"),
              "Transfer-Encoding is not exactly chunked")
        << value;
  }
  EXPECT_EQ(parse_fields("Transfer-Encoding: \tChunked \r\n"), "");
  EXPECT_EQ(head_.framing, Framing::kChunked);
}

TEST_F(RequestParser, RefusesARepeatedTransferEncoding) {
  EXPECT_EQ(parse_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            "more than one Transfer-Encoding");
  EXPECT_NE(parse_fields("Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n"), "");
}

TEST_F(RequestParser, RefusesTransferEncodingInHttp10) {
  EXPECT_EQ(parse("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "Transfer-Encoding in HTTP/1.0");
}

TEST_F(RequestParser, DecidesOnKeepAliveByVersionAndConnection) {
  const auto keep_alive = [&](const char* version, const char* lines) {
    EXPECT_EQ(parse("GET / "s + version + "\r\nHost: h\r\n" + lines + "\r\n"), "");
    return head_.keep_alive;
  };
  EXPECT_TRUE(keep_alive("HTTP/1.1", ""));
  EXPECT_FALSE(keep_alive("HTTP/1.1", "Connection: Close\r\n"));
  EXPECT_FALSE(keep_alive("HTTP/1.1", "Connection: keep-alive, close\r\n"));
  EXPECT_FALSE(keep_alive("HTTP/1.1", "Connection: x\r\nConnection: ,, close ,\r\n"));
  EXPECT_TRUE(keep_alive("HTTP/1.1", "Connection: closed\r\n"));
  EXPECT_FALSE(keep_alive("HTTP/1.0", ""));
  EXPECT_TRUE(keep_alive("HTTP/1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keep_alive("HTTP/1.0", "Connection: close, keep-alive\r\n"));
}

TEST_F(RequestParser, RefusesAConnectionThatNamesWhatFramesTheMessage) {
  for (const char* name : {"content-length", "Host", "close, TRANSFER-ENCODING", "x,Content-Length"}) {
    EXPECT_EQ(parse_fields("Connection: "s + name + "\r\n"),
              "Connection names a field that frames or routes the message");
  }
  EXPECT_EQ(parse_fields("Connection: authorization, x-api-key\r\n"), "");
}

TEST_F(RequestParser, RefusesConnectionOptionsThatAreNoTokens) {
  EXPECT_EQ(parse_fields("Connection: close; x\r\n"), "a Connection option is no token");
  EXPECT_EQ(parse_fields("Connection: \"close\"\r\n"), "a Connection option is no token");
  EXPECT_EQ(parse_fields("Connection: a b\r\n"), "a Connection option is no token");
}

TEST_F(RequestParser, NoticesThatAClientWaitsForContinue) {
  ASSERT_EQ(parse_fields("Expect: 100-Continue\r\nContent-Length: 3\r\n"), "");
  EXPECT_TRUE(head_.expects_continue);
  ASSERT_EQ(parse_fields("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"), "");
  EXPECT_TRUE(head_.expects_continue);
  ASSERT_EQ(parse_fields("Expect: 100-continue\r\nContent-Length: 0\r\n"), "");
  EXPECT_FALSE(head_.expects_continue) << "no body follows";
  ASSERT_EQ(parse_fields("Expect: 100-continue\r\n"), "");
  EXPECT_FALSE(head_.expects_continue);
  ASSERT_EQ(parse("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"), "");
  EXPECT_FALSE(head_.expects_continue) << "HTTP/1.0 knows no interim answers";
}

TEST_F(RequestParser, RefusesOtherExpectations) {
  EXPECT_EQ(parse_fields("Expect: 200-ok\r\n"), "an expectation other than 100-continue");
  EXPECT_EQ(parse_fields("Expect: 100-continue, x\r\n"), "an expectation other than 100-continue");
  EXPECT_EQ(parse_fields("Expect:\r\n"), "an expectation other than 100-continue");
}

TEST_F(RequestParser, HoldsItsLimits) {
  limits_ = {.bytes = 80, .fields = 2, .target = 10};
  EXPECT_EQ(parse("GET /234567890 HTTP/1.1\r\nHost: h\r\n\r\n"), "");
  EXPECT_EQ(parse("GET /2345678901 HTTP/1.1\r\nHost: h\r\n\r\n"), "the target is too long");
  EXPECT_EQ(code_, Code::kHeadTooLarge);
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n"), "");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\n\r\n"), "too many fields");
  EXPECT_EQ(code_, Code::kHeadTooLarge);
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nA: ";
  EXPECT_EQ(parse(head + std::string(80 - head.size() - 4, 'x') + "\r\n\r\n"), "");
  EXPECT_EQ(parse(head + std::string(80 - head.size() - 3, 'x') + "\r\n\r\n"), "the head is too large");
  EXPECT_EQ(code_, Code::kHeadTooLarge);
}

TEST_F(RequestParser, NeverHoldsMoreFieldsThanItHasRoomFor) {
  limits_.fields = 100000;
  std::string lines;
  for (std::size_t i = 0; i < kMaxFields - 1; ++i) lines += "a:b\r\n";
  EXPECT_EQ(parse_fields(lines), "");
  EXPECT_EQ(parse_fields(lines + "a:b\r\n"), "too many fields");
}

TEST_F(RequestParser, RefusesAHeadThatIsNotWholeOrMore) {
  const std::string whole = "GET /a HTTP/1.1\r\nHost: h\r\nLonger-Name: and a value\r\n\r\n";
  ASSERT_EQ(parse(whole), "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(parse(whole.substr(0, size)), "") << size;
  }
  EXPECT_EQ(parse(whole + "G"), "bytes after the end of the head");
}

TEST_F(RequestParser, NeverRepeatsTheRequestInItsErrors) {
  EXPECT_EQ(parse_fields("X-Api-Key(: fake-secret\r\n").find("fake"), std::string::npos);
  EXPECT_EQ(parse_target("/hooks/fake-secret#").find("fake"), std::string::npos);
}

}  // namespace
}  // namespace claviger::http
