// SPDX-License-Identifier: Apache-2.0
#include "http/problem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "http/parser.h"

namespace claviger::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

std::string write(const Error& error, const ProblemExtras& extras = {}) {
  std::array<char, 8192> memory;
  HeadWriter out(memory);
  write_problem(out, error, "req-1", kDate, extras);
  EXPECT_TRUE(out.fits());
  return std::string(out.text());
}

const Error kDenied(Code::kDenied, Blame::kCaller, "no grant covers this path");

TEST(Problem, MapsEveryCodeAsTheInterfaceSays) {
  const auto line = [](Code code) {
    const ProblemKind kind = problem_kind(code);
    EXPECT_FALSE(kind.title.empty());
    return std::to_string(kind.status) + " " + std::string(kind.code);
  };
  EXPECT_EQ(line(Code::kBadRequest), "400 bad_request");
  EXPECT_EQ(line(Code::kUnauthenticated), "401 unauthenticated");
  EXPECT_EQ(line(Code::kDenied), "403 denied");
  EXPECT_EQ(line(Code::kNoUpstream), "404 no_upstream");
  EXPECT_EQ(line(Code::kHeadTooLarge), "431 too_large");
  EXPECT_EQ(line(Code::kTooLarge), "413 too_large");
  EXPECT_EQ(line(Code::kLimited), "429 limited");
  EXPECT_EQ(line(Code::kNoCredential), "503 no_credential");
  EXPECT_EQ(line(Code::kUpstreamFailed), "502 upstream_failed");
  EXPECT_EQ(line(Code::kUpstreamTimeout), "504 upstream_timeout");
  EXPECT_EQ(line(Code::kUnavailable), "503 unavailable");
  EXPECT_EQ(line(Code::kNoResource), "404 not_found");
  EXPECT_EQ(line(Code::kConflict), "409 conflict");
  EXPECT_EQ(line(Code::kMethodNotAllowed), "405 method_not_allowed");
  for (const Code inner : {Code::kInvalid, Code::kNotFound, Code::kIo, Code::kClosed, Code::kTimeout,
                           Code::kCancelled, Code::kInternal}) {
    EXPECT_EQ(line(inner), "503 unavailable") << "the gateway fails closed";
  }
}

TEST(Problem, WritesAWholeAnswer) {
  EXPECT_EQ(write(kDenied),
            "HTTP/1.1 403 Forbidden\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: application/problem+json\r\n"
            "Content-Length: 161\r\n"
            "X-Claviger-Error: denied\r\n"
            "X-Request-Id: req-1\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "X-Frame-Options: DENY\r\n"
            "Referrer-Policy: no-referrer\r\n"
            "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
            "X-XSS-Protection: 0\r\n"
            "Cache-Control: no-store\r\n"
            "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
            "\r\n"
            "{\"type\":\"urn:claviger:error:denied\",\"title\":\"The caller may not do this\",\"status\":403,"
            "\"detail\":\"no grant covers this path\",\"code\":\"denied\",\"request_id\":\"req-1\"}\n");
}

TEST(Problem, IsAnAnswerThatOurOwnParserTakes) {
  const std::string answer = write(kDenied);
  HeadScanner scanner;
  const auto size = scanner.scan(answer, {}, Blame::kUpstream);
  ASSERT_TRUE(size.has_value());
  ResponseHead head;
  ASSERT_TRUE(parse_response_head(answer.substr(0, *size), {}, Method::kGet, head).has_value());
  EXPECT_EQ(head.content_length, answer.size() - *size);
}

TEST(Problem, AnswersHeadWithTheHeadThatGetWouldGet) {
  const std::string whole = write(kDenied);
  const std::string head = write(kDenied, {.head_only = true});
  EXPECT_EQ(head, whole.substr(0, whole.find("\r\n\r\n") + 4));
}

TEST(Problem, ShowsDetailsOfCallersAndUpstreamsOnly) {
  EXPECT_THAT(write(Error(Code::kUpstreamFailed, Blame::kUpstream, "its certificate expired")),
              HasSubstr("\"detail\":\"its certificate expired\""));
  for (const Blame blame : {Blame::kGateway, Blame::kOperator}) {
    const std::string answer = write(Error(Code::kUnavailable, blame, "inner workings"));
    EXPECT_THAT(answer, Not(HasSubstr("inner workings")));
    EXPECT_THAT(answer, HasSubstr("\"detail\":\"The gateway cannot answer at the moment\""));
  }
  EXPECT_THAT(write(Error(Code::kIo, Blame::kUpstream, "inner workings")), Not(HasSubstr("inner workings")));
}

TEST(Problem, ShowsOfAnUpstreamNothingThatWasFoundAtRunTime) {
  const Error error = Error::detailed(Code::kUpstreamFailed, Blame::kUpstream, "connecting failed",
                                      "connecting to 10.1.2.3:443: refused")
                          .within("somewhere inside");
  EXPECT_THAT(write(error), HasSubstr("\"detail\":\"connecting failed\""));
  EXPECT_THAT(write(error), Not(HasSubstr("10.1.2.3")));
  EXPECT_THAT(write(error, {.for_operator = true}),
              HasSubstr("somewhere inside: connecting to 10.1.2.3:443"));
  EXPECT_THAT(write(Error::formatted(Code::kUpstreamFailed, Blame::kUpstream, "10.1.2.3 is amiss")),
              Not(HasSubstr("10.1.2.3")));
}

TEST(Problem, ShowsAnOperatorEveryDetail) {
  EXPECT_THAT(write(Error(Code::kIo, Blame::kGateway, "the disk is full"), {.for_operator = true}),
              HasSubstr("\"detail\":\"the disk is full\",\"code\":\"unavailable\""));
}

TEST(Problem, IsTheSameOnAListenerWhoseProtocolHasAStatusOfItsOwn) {
  const std::string answer =
      write(Error(Code::kUnauthenticated, Blame::kCaller, "no such principal"), {.status = 503});
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Claviger-Error: unauthenticated\r\n"));
  EXPECT_THAT(answer,
              HasSubstr("{\"type\":\"urn:claviger:error:unauthenticated\",\"title\":\"The caller is not "
                        "authenticated\",\"status\":503,"));
  EXPECT_THAT(answer, Not(HasSubstr("WWW-Authenticate"))) << "whoever gets no 401 is asked for no key";
}

TEST(Problem, NamesTheMethodsThatAPathTakes) {
  const Error error(Code::kMethodNotAllowed, Blame::kCaller, "no");
  EXPECT_THAT(write(error, {.allow = "GET, HEAD"}), HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  EXPECT_THAT(write(error), Not(HasSubstr("Allow:")));
}

TEST(Problem, EscapesText) {
  EXPECT_THAT(write(Error(Code::kBadRequest, Blame::kCaller, "a\"b\\c\r\n\t\x01\x7F</script>\xC3\xA9")),
              HasSubstr("a\\\"b\\\\c\\u000d\\u000a\\u0009\\u0001\\u007f</script>\xC3\xA9"));
  EXPECT_THAT(write(Error(Code::kBadRequest, Blame::kCaller,
                          "a\xFF"
                          "b")),
              HasSubstr("\"a?b\""));
}

TEST(Problem, CutsLongText) {
  const Error error = Error::formatted(Code::kBadRequest, Blame::kCaller, std::string(100000, '\n'));
  EXPECT_LT(write(error).size(), 4000U);
  EXPECT_THAT(write(error), HasSubstr("\"code\":\"bad_request\",\"request_id\":\"req-1\"}"));
}

TEST(Problem, AlwaysChallengesA401) {
  const Error error(Code::kUnauthenticated, Blame::kCaller, "no key");
  EXPECT_THAT(write(error, {.challenge = true}),
              HasSubstr("\r\nWWW-Authenticate: Basic realm=\"claviger\", Bearer realm=\"claviger\"\r\n"));
  EXPECT_THAT(write(error), HasSubstr("\r\nWWW-Authenticate: Bearer realm=\"claviger\"\r\n"));
  EXPECT_THAT(write(kDenied), Not(HasSubstr("WWW-Authenticate")));
}

TEST(Problem, CarriesLimitsWhenThereAreAny) {
  const Error error(Code::kLimited, Blame::kCaller, "too often");
  const std::string answer =
      write(error,
            {.retry_after_seconds = 7, .rate_limit = "\"k\";r=0;t=7", .rate_limit_policy = "\"k\";q=9;w=60"});
  EXPECT_THAT(answer, HasSubstr("\r\nRetry-After: 7\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nRateLimit: \"k\";r=0;t=7\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nRateLimit-Policy: \"k\";q=9;w=60\r\n"));
  EXPECT_THAT(write(error), Not(HasSubstr("Retry-After")));
  EXPECT_THAT(write(error), Not(HasSubstr("RateLimit")));
}

TEST(Problem, SaysWhenTheConnectionCloses) {
  EXPECT_THAT(write(kDenied, {.close = true}), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(write(kDenied), Not(HasSubstr("Connection:")));
}

TEST(Problem, PromisesTlsOnlyOverTls) {
  EXPECT_THAT(write(kDenied, {.tls = false}), Not(HasSubstr("Strict-Transport-Security")));
}

std::string date(std::int64_t seconds) {
  std::array<char, 29> out;
  format_http_date(seconds, out);
  return {out.data(), out.size()};
}

TEST(HttpDate, IsFormattedAsRfc9110Says) {
  EXPECT_EQ(date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(date(1735689599), "Tue, 31 Dec 2024 23:59:59 GMT");
}

TEST(HttpDate, StaysWithinFourDigitYears) {
  EXPECT_EQ(date(-1), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date(INT64_MIN), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
}

}  // namespace
}  // namespace claviger::http
