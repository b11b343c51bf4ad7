// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of request heads share.

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "http/parser.h"

namespace claviger::http {

class RequestParser : public ::testing::Test {
 protected:
  // "" when accepted, else what the refusal says.
  std::string parse(std::string head) {
    text_ = std::move(head);
    const auto result = parse_request_head(text_, limits_, head_);
    if (result.has_value()) return "";
    code_ = result.error().code();
    EXPECT_EQ(result.error().blame(), Blame::kCaller);
    return std::string(result.error().what());
  }
  // With a request line and Host in front.
  std::string parse_fields(const std::string& lines) {
    return parse("POST /p HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n");
  }
  std::string parse_target(const std::string& target) {
    return parse("GET " + target + " HTTP/1.1\r\nHost: example.com\r\n\r\n");
  }
  std::string parse_host(const std::string& host) {
    return parse("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  }

  HeadLimits limits_;
  RequestHead head_;
  std::string text_;
  Code code_ = Code::kInternal;
};

}  // namespace claviger::http
