// SPDX-License-Identifier: Apache-2.0
// The rules in parser.h's list that concern the request line and Host, by name.
#include <gtest/gtest.h>

#include <string>

#include "http/parser_request_fixture.h"

namespace claviger::http {
namespace {

using std::string_literals::operator""s;

TEST_F(RequestParser, AllowsOneEmptyLineInFront) {
  EXPECT_EQ(parse("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), "");
  EXPECT_NE(parse("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), "");
}

TEST_F(RequestParser, RefusesARepeatedHost) {
  EXPECT_EQ(parse_fields("Host: h\r\n"), "more than one Host");
  EXPECT_EQ(parse_fields("hOST: other\r\n"), "more than one Host");
}

TEST_F(RequestParser, RefusesHttp11WithoutHost) {
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nAccept: */*\r\n\r\n"), "HTTP/1.1 without Host");
  EXPECT_EQ(parse("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 without Host");
  EXPECT_EQ(parse("GET / HTTP/1.0\r\n\r\n"), "");
}

TEST_F(RequestParser, RefusesAHostThatIsNoAuthority) {
  for (const char* host :
       {"",     "a b",    "a,b",     "user@h",      "h/",       "h?",         "h#f",
        "h:",   "h:x",    "h:80:80", "h:65536",     "h:000080", ":80",        "[::1",
        "::1",  "[::1]x", "[::1]:",  "[127.0.0.1]", "[]",       "[v1.x]",     "[fe80::1%25lo]",
        "h%41", "h;x",    "<h>",     "h\\",         "[::1]]",   "caf\xC3\xA9"}) {
    EXPECT_EQ(parse_host(host), "Host is no valid authority") << host;
  }
  for (const char* host : {"h", "a.b-c_d.example", "192.0.2.1", "h:8443", "h:0", "h:65535", "[::1]",
                           "[2001:db8::1]:443", "[::FFFF:192.0.2.1]", "example.com."}) {
    EXPECT_EQ(parse_host(host), "") << host;
    EXPECT_EQ(head_.host, host);
  }
}

TEST_F(RequestParser, RefusesVersionsOtherThan10And11) {
  for (const char* version :
       {"HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "HTTP/1", "HTTP/11", "HTTP/1.10", "HTTP/01.1", "http/1.1",
        "HTTP/1,1", "HTTPS/1.1", "HTTP/1.", "HTTP /1.1", "ICAP/1.0", "HTTP/9.9"}) {
    EXPECT_NE(parse("GET / "s + version + "\r\nHost: h\r\n\r\n"), "") << version;
  }
  EXPECT_NE(parse("GET /\r\nHost: h\r\n\r\n"), "");
  EXPECT_NE(parse("GET /\r\n\r\n"), "");
  EXPECT_NE(parse("PRI * HTTP/2.0\r\n\r\n"), "");
}

TEST_F(RequestParser, RefusesTargetsWithAnythingButVisibleAscii) {
  for (int octet = 0; octet < 256; ++octet) {
    const bool visible = octet > 0x20 && octet < 0x7F && octet != '#';
    for (const std::size_t place : {1U, 15U, 16U, 40U}) {
      std::string target = "/" + std::string(45, 'a');
      target[place] = static_cast<char>(octet);
      EXPECT_EQ(parse_target(target).empty(), visible) << octet << " at " << place;
    }
  }
}

TEST_F(RequestParser, RefusesAFragment) {
  EXPECT_EQ(parse_target("/a#b"), "a fragment in the target");
  EXPECT_EQ(parse_target("/a?b#c"), "a fragment in the target");
  EXPECT_EQ(parse_target("http://example.com/#"), "a fragment in the target");
}

TEST_F(RequestParser, TakesWhatRealClientsPutIntoQueries) {
  EXPECT_EQ(parse_target("/a?b|c{d}\\\"<^`>"), "");
  EXPECT_EQ(head_.query, "b|c{d}\\\"<^`>");
  EXPECT_EQ(parse_target("/a?b?c/../d"), "");
  EXPECT_EQ(head_.path, "/a");
  EXPECT_EQ(parse_target("/?"), "");
  EXPECT_TRUE(head_.has_query);
  EXPECT_EQ(head_.query, "");
}

TEST_F(RequestParser, RefusesWhiteSpaceAroundTheRequestLine) {
  for (const char* line :
       {" GET / HTTP/1.1", "\tGET / HTTP/1.1", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ",
        "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET / HTTP/1.1\t", "GET / x HTTP/1.1", "GET /a b HTTP/1.1",
        "GET", "GET ", "GET /", "GET / ", " ", "GET  HTTP/1.1", " / HTTP/1.1"}) {
    EXPECT_NE(parse(line + "\r\nHost: h\r\n\r\n"s), "") << line;
  }
  EXPECT_EQ(parse("GET  HTTP/1.1\r\nHost: h\r\n\r\n"), "the target is empty");
}

TEST_F(RequestParser, RefusesMethodsThatAreNoTokens) {
  EXPECT_EQ(parse("GE(T / HTTP/1.1\r\nHost: h\r\n\r\n"), "the method is no token");
  EXPECT_EQ(parse("GET\0 / HTTP/1.1\r\nHost: h\r\n\r\n"s), "the method is no token");
  EXPECT_EQ(parse("\x80GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "the method is no token");
  EXPECT_EQ(parse("M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n"), "");
  EXPECT_EQ(head_.method, Method::kOther);
}

TEST_F(RequestParser, RefusesAuthorityAndAsteriskForm) {
  EXPECT_EQ(parse("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"),
            "CONNECT is not supported");
  EXPECT_EQ(parse("CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n"), "CONNECT is not supported");
  EXPECT_EQ(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), "the target is an asterisk");
  EXPECT_NE(parse_target("example.com:443"), "");
  EXPECT_NE(parse_target("a/b"), "");
  EXPECT_NE(parse_target("?a=b"), "");
}

TEST_F(RequestParser, TakesAnAbsoluteTargetThatAgreesWithHost) {
  ASSERT_EQ(parse_target("http://example.com/a?b"), "");
  EXPECT_EQ(head_.target, "/a?b");
  EXPECT_EQ(head_.path, "/a");
  EXPECT_EQ(head_.query, "b");
  ASSERT_EQ(parse_target("HTTPS://EXAMPLE.com/"), "");
  ASSERT_EQ(parse_target("http://example.com"), "");
  EXPECT_EQ(head_.target, "/");
  EXPECT_EQ(head_.path, "/");
}

TEST_F(RequestParser, RefusesAnAbsoluteTargetThatDoesNot) {
  EXPECT_EQ(parse_target("http://other.com/"), "the target names another host than Host");
  EXPECT_EQ(parse_target("http://example.com:80/"), "the target names another host than Host");
  EXPECT_EQ(parse_target("http://example.com.evil/"), "the target names another host than Host");
  EXPECT_EQ(parse_target("http://user@example.com/"), "user information in the target");
  EXPECT_EQ(parse_target("http:///a"), "the target names no host");
  EXPECT_EQ(parse_target("http://example.com?b"), "the target has a query but no path");
  EXPECT_NE(parse_target("ftp://example.com/"), "");
  EXPECT_NE(parse_target("http:/example.com/"), "");
  EXPECT_NE(parse_target("://example.com/"), "");
  EXPECT_NE(parse_target("xhttp://example.com/"), "");
  EXPECT_EQ(parse("GET http://h/ HTTP/1.0\r\n\r\n"), "an absolute target without Host");
  EXPECT_NE(parse("GET http:///x HTTP/1.0\r\n\r\n"), "");
}

}  // namespace
}  // namespace claviger::http
