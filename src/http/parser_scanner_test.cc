// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "http/parser.h"

namespace claviger::http {
namespace {

using std::string_literals::operator""s;

constexpr std::string_view kHead = "GET /a HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n";

// The size, "..." for a head that is not whole, or the error's text.
std::string show(const Result<std::size_t>& result) {
  if (!result.has_value()) return std::string(result.error().what());
  return *result == 0 ? "..." : std::to_string(*result);
}

std::string scan(const std::string& input, HeadLimits limits = {}, Blame blame = Blame::kCaller) {
  HeadScanner scanner;
  return show(scanner.scan(input, limits, blame));
}

std::string scan_byte_by_byte(const std::string& input, HeadLimits limits = {},
                              Blame blame = Blame::kCaller) {
  HeadScanner scanner;
  for (std::size_t size = 1; size <= input.size(); ++size) {
    const std::string seen = show(scanner.scan(std::string(input, 0, size), limits, blame));
    if (seen != "...") return seen;
  }
  return "...";
}

TEST(HeadScanner, FindsTheEndOfAHead) {
  EXPECT_EQ(scan(std::string(kHead)), std::to_string(kHead.size()));
  EXPECT_EQ(scan(std::string(kHead) + "body \x01 and more\r\n\r\n"), std::to_string(kHead.size()));
  EXPECT_EQ(scan("G / HTTP/1.0\r\n\r\n"), "16");
  EXPECT_EQ(scan(""), "...");
}

TEST(HeadScanner, FindsItAtEverySplit) {
  const std::string input = std::string(kHead) + "GET /next";
  for (std::size_t first = 0; first <= kHead.size(); ++first) {
    HeadScanner scanner;
    const std::string before = show(scanner.scan(input.substr(0, first), {}, Blame::kCaller));
    if (first < kHead.size()) {
      ASSERT_EQ(before, "...") << first;
      ASSERT_EQ(show(scanner.scan(input, {}, Blame::kCaller)), std::to_string(kHead.size())) << first;
    } else {
      ASSERT_EQ(before, std::to_string(kHead.size()));
    }
  }
}

TEST(HeadScanner, SaysTheSameWhenBytesArriveOneByOne) {
  for (const std::string& input :
       {std::string(kHead), "\r\n" + std::string(kHead), "\r\n\r\n"s, "\r\n\r\nGET / HTTP/1.1\r\n\r\n"s,
        "\n"s, "GET /\nA: b"s, "GET / HTTP/1.1\r\nA: b\rC"s, "GET / HTTP/1.1\r\n\n"s, "\x16\x03\x01\x02"s,
        "GET /\0"s, "GET / HTTP/1.1\r\r\n"s, "G\r\n\r\n"s, "no end"s, "GET / HTTP/1.1\r\n"s}) {
    for (const Blame blame : {Blame::kCaller, Blame::kUpstream}) {
      for (const std::size_t bytes : {1U, 2U, 4U, 10U, 16U, 17U, 18U, 1000U}) {
        const HeadLimits limits{.bytes = bytes};
        EXPECT_EQ(scan(input, limits, blame), scan_byte_by_byte(input, limits, blame))
            << input << " at most " << bytes;
      }
    }
  }
}

TEST(HeadScanner, RefusesBytesThatNoHeadMayHoldAsSoonAsItSeesThem) {
  EXPECT_EQ(scan("\x16\x03\x01\x02"), "a control byte in the head") << "a TLS hello";
  EXPECT_EQ(scan("GET / HTTP/1.1\n"), "a line ends with a bare LF");
  EXPECT_EQ(scan("GET / HTTP/1.1\rA"), "a bare CR");
  EXPECT_EQ(scan("GET / HTTP/1.1\r\r"), "a bare CR");
  EXPECT_EQ(scan("GET /\0"s), "a NUL byte in the head");
  for (int octet = 0; octet < 256; ++octet) {
    const bool fine = octet == '\t' || octet == '\r' || (octet >= 0x20 && octet != 0x7F);
    EXPECT_EQ(scan("GET / and some more text" + std::string(1, static_cast<char>(octet))) == "...", fine)
        << octet;
  }
}

TEST(HeadScanner, AllowsOneEmptyLineBeforeARequestAndNoneBeforeAResponse) {
  EXPECT_EQ(scan("\r\n" + std::string(kHead)), std::to_string(kHead.size() + 2));
  EXPECT_EQ(scan("\r\n\r\n" + std::string(kHead)), "empty lines before the start line");
  EXPECT_EQ(scan("\r\n"), "...");
  const std::string answer = "HTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(scan(answer, {}, Blame::kUpstream), std::to_string(answer.size()));
  EXPECT_EQ(scan("\r\n", {}, Blame::kUpstream), "empty lines before the start line");
}

TEST(HeadScanner, RefusesHeadsOverTheLimit) {
  const HeadLimits exact{.bytes = kHead.size()};
  EXPECT_EQ(scan(std::string(kHead) + "body", exact), std::to_string(kHead.size()));
  const HeadLimits less{.bytes = kHead.size() - 1};
  EXPECT_EQ(scan(std::string(kHead), less), "the head is too large");
  EXPECT_EQ(scan(std::string(40000, 'a')), "the head is too large");
  EXPECT_EQ(scan(std::string(32768, 'a')), "...");
}

TEST(HeadScanner, BlamesWhoSentTheHead) {
  HeadScanner scanner;
  const auto caller = scanner.scan("\n", {}, Blame::kCaller);
  ASSERT_FALSE(caller.has_value());
  EXPECT_EQ(caller.error().code(), Code::kBadRequest);
  EXPECT_EQ(caller.error().blame(), Blame::kCaller);
  scanner.reset();
  const auto upstream = scanner.scan("\n", {}, Blame::kUpstream);
  ASSERT_FALSE(upstream.has_value());
  EXPECT_EQ(upstream.error().code(), Code::kUpstreamFailed);
  EXPECT_EQ(upstream.error().blame(), Blame::kUpstream);
  scanner.reset();
  const auto large = scanner.scan("too much", {.bytes = 3}, Blame::kCaller);
  ASSERT_FALSE(large.has_value());
  EXPECT_EQ(large.error().code(), Code::kHeadTooLarge);
}

TEST(HeadScanner, BeginsAnewAfterReset) {
  HeadScanner scanner;
  ASSERT_EQ(show(scanner.scan(kHead.substr(0, 30), {}, Blame::kCaller)), "...");
  scanner.reset();
  EXPECT_EQ(show(scanner.scan(kHead, {}, Blame::kCaller)), std::to_string(kHead.size()));
}

}  // namespace
}  // namespace claviger::http
