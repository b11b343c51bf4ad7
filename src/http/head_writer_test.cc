// SPDX-License-Identifier: Apache-2.0
#include "http/head_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

namespace claviger::http {
namespace {

TEST(HeadWriter, WritesAHead) {
  std::array<char, 200> memory;
  HeadWriter out(memory);
  out.status_line(200, "");
  out.field("Content-Length", std::uint64_t{18446744073709551615U});
  out.field("X", "y");
  const std::span<char> room = out.reserve(3);
  std::ranges::copy(std::string_view("abc"), room.begin());
  out.append(std::string_view{});
  out.end();
  EXPECT_TRUE(out.fits());
  EXPECT_EQ(out.text(), "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\nX: y\r\nabc\r\n");
  EXPECT_EQ(out.size(), out.text().size());
}

TEST(HeadWriter, KeepsAReasonOrLooksOneUp) {
  const auto line = [](unsigned status, std::string_view reason) {
    std::array<char, 100> memory;
    HeadWriter out(memory);
    out.status_line(status, reason);
    return std::string(out.text());
  };
  EXPECT_EQ(line(404, ""), "HTTP/1.1 404 Not Found\r\n");
  EXPECT_EQ(line(404, "Gone fishing"), "HTTP/1.1 404 Gone fishing\r\n");
  EXPECT_EQ(line(299, ""), "HTTP/1.1 299 \r\n") << "the space is not optional";
}

TEST(HeadWriter, RemembersThatItDidNotFitAndWritesNothingBeyond) {
  std::array<char, 16> memory;
  memory.fill('.');
  HeadWriter out(std::span(memory).first(10));
  out.append("123456789");
  EXPECT_TRUE(out.fits());
  out.append("ab");
  EXPECT_FALSE(out.fits());
  out.append("c");
  EXPECT_FALSE(out.fits()) << "what was left out stays left out";
  EXPECT_EQ(std::string(memory.data(), 16), "123456789c......");
  EXPECT_TRUE(out.reserve(1).empty());
  HeadWriter nowhere{{}};
  EXPECT_TRUE(nowhere.fits());
  EXPECT_TRUE(nowhere.reserve(1).empty());
  EXPECT_FALSE(nowhere.fits());
}

TEST(ReasonPhrase, IsThatOfRfc9110) {
  EXPECT_EQ(reason_phrase(101), "Switching Protocols");
  EXPECT_EQ(reason_phrase(413), "Content Too Large");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(599), "");
}

}  // namespace
}  // namespace claviger::http
