// SPDX-License-Identifier: Apache-2.0
#include "sinks/webhook_outlet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <span>

#include "base/parse.h"
#include "sinks/testing/stand.h"

namespace claviger::sinks {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class Webhook : public ::testing::Test {
 protected:
  void SetUp() override { outlet_ = testing::make_webhook_outlet(stand_.around(), receiver_.port()); }

  Result<void> deliver(const std::string& records) {
    std::optional<Result<void>> result;
    net::spawn(keep(*outlet_, records, result));
    for (int turns = 0; turns < 3000 && !result; ++turns) {
      receiver_.serve();
      stand_.loop.loop().turn(1ms);
      stand_.clock.skip(step_);
    }
    return result ? *result : Error(Code::kInternal, Blame::kGateway, "it never ended");
  }

  testing::Stand stand_;
  testing::HttpReceiver receiver_;
  std::unique_ptr<Outlet> outlet_;
  std::chrono::milliseconds step_{0};

 private:
  static net::Task<void> keep(Outlet& outlet, std::string records, std::optional<Result<void>>& into) {
    into.emplace(co_await outlet.deliver(records));
  }
};

TEST_F(Webhook, SignsTimestampAndBody) {
  ASSERT_TRUE(deliver("{}\n{}\n").has_value());
  ASSERT_EQ(receiver_.requests.size(), 1U);
  const auto& request = receiver_.requests.front();
  EXPECT_THAT(request.head, StartsWith("POST /audit/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"));
  EXPECT_EQ(request.field("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(request.body, "{}\n{}\n");
  const std::string signed_text = request.field("X-Claviger-Timestamp") + "." + request.body;
  const auto expected = crypto::hmac_sha256(std::as_bytes(std::span(testing::kFakeSecret)),
                                            std::as_bytes(std::span(signed_text)));
  EXPECT_EQ(request.field("X-Claviger-Signature"), "v1=" + base::format_hex(expected));
}

TEST_F(Webhook, IsTakenWith2xxAlone) {
  for (const char* status : {"200 OK", "201 Created", "202 Accepted", "299 Fine"}) {
    receiver_.answer = std::string("HTTP/1.1 ") + status + "\r\nContent-Length: 2\r\n\r\nok";
    EXPECT_TRUE(deliver("{}\n").has_value()) << status;
  }
  for (const char* status : {"301 Moved", "307 Elsewhere", "400 Bad", "401 No", "404 Gone", "408 Slow",
                             "413 Large", "429 Busy", "500 Oops", "503 Down"}) {
    receiver_.answer = std::string("HTTP/1.1 ") + status +
                       "\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 2\r\n\r\nno";
    EXPECT_FALSE(deliver("{}\n").has_value()) << status;
  }
}

TEST_F(Webhook, SaysWhoHasToAct) {
  EXPECT_EQ(judge_status(400).error().blame(), Blame::kOperator);
  EXPECT_EQ(judge_status(302).error().blame(), Blame::kOperator);
  EXPECT_THAT(std::string(judge_status(302).error().what()), HasSubstr("redirects are not followed"));
  for (const unsigned status : {408U, 429U, 500U, 503U})
    EXPECT_EQ(judge_status(status).error().blame(), Blame::kUpstream) << status;
}

TEST_F(Webhook, ReadsNoEndlessAnswer) {
  receiver_.answer = "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + std::string(200'000, 'x');
  EXPECT_TRUE(deliver("{}\n").has_value());
  receiver_.answer = "HTTP/1.1 204 No Content\r\n\r\n";
  EXPECT_TRUE(deliver("{}\n").has_value());  // on another connection
}

TEST_F(Webhook, WaitsForNoAnswerForEver) {
  receiver_.answer.clear();
  step_ = 100ms;
  const auto done = deliver("{}\n");
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Code::kUpstreamTimeout);
}

TEST_F(Webhook, TakesWhatIsNoAnswerForNone) {
  for (const char* answer :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 99 x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"}) {
    receiver_.answer = answer;
    step_ = 20ms;
    EXPECT_FALSE(deliver("{}\n").has_value()) << answer;
  }
}

TEST_F(Webhook, SendsOnAnotherConnectionWhatAClosedOneDidNotTake) {
  ASSERT_TRUE(deliver("{}\n").has_value());
  receiver_.hang_up();
  EXPECT_TRUE(deliver("{}\n").has_value());
  EXPECT_EQ(receiver_.requests.size(), 2U);
}

}  // namespace
}  // namespace claviger::sinks
