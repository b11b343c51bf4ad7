// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/inner_caller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "net/testing/loop_fixture.h"

namespace claviger::doors::externaldns {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct InnerCallerTest : ::testing::Test, net::testing::LoopFixture {
  net::BufferPool buffers;
  std::vector<std::unique_ptr<net::Stream>> far;  // ends of the connections that were made
  bool may_connect = true;
  InnerCaller caller{loop(), buffers, [this] { return connect(); }};
  std::optional<Result<ApiAnswer>> answer;

  InnerCallerTest() { caller.use({{"technitium-a", "/technitium/a"}}); }
  ~InnerCallerTest() override {
    caller.stop();
    far.clear();
    for (int i = 0; i < 3; ++i) loop().turn(milliseconds(1));
  }

  Result<int> connect() {
    if (!may_connect) return Error(Code::kUnavailable, Blame::kGateway, "no descriptors are left");
    std::array<int, 2> ends{};
    CLV_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    far.push_back(*net::make_tcp_stream(loop(), ends[1]));
    return ends[0];
  }
  void begin(ApiRequest request) { net::spawn(keep(std::move(request))); }
  net::Task<void> keep(ApiRequest request) {
    answer.reset();
    auto got = co_await caller.send(std::move(request));
    answer.emplace(std::move(got));
  }
  // What arrived at the other end of connection `number`, once it ends in `end`.
  std::string heard(std::size_t number, std::string_view end) {
    std::string text;
    std::array<char, 65536> buffer;
    const auto read = [&] {
      Result<std::size_t> got{std::size_t{0}};
      while (far[number]->try_read(buffer, got) == net::Stream::Io::kDone && got.has_value() && *got > 0)
        text.append(buffer.data(), *got);
      return text.ends_with(end);
    };
    EXPECT_TRUE(run_until(read));
    return text;
  }
  void say(std::size_t number, std::string_view text) {
    Result<std::size_t> sent{std::size_t{0}};
    EXPECT_EQ(far[number]->try_write(text, sent), net::Stream::Io::kDone);
  }
  Result<ApiAnswer> answered() {
    EXPECT_TRUE(run_until([this] { return answer.has_value(); }));
    return *answer;
  }
  const ApiRequest kList{.upstream = "technitium-a", .path = "/api/zones/list", .form = "pageNumber=1"};
};

TEST_F(InnerCallerTest, PostsBelowTheUpstreamsMountWithoutAnyCredential) {
  begin(kList);
  const std::string request = heard(0, "pageNumber=1");
  EXPECT_THAT(request, StartsWith("POST /technitium/a/api/zones/list HTTP/1.1\r\nHost: "));
  EXPECT_THAT(request, HasSubstr("\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nContent-Length: 12\r\n"));
  EXPECT_FALSE(request.contains("Authorization"));
  say(0, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: 0123\r\n\r\n{}");
  const auto got = answered();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->status, 200U);
  EXPECT_EQ(got->body, "{}");
  EXPECT_EQ(got->request_id, "0123");
  EXPECT_EQ(got->error_code, "");
}

TEST_F(InnerCallerTest, UsesAConnectionAgainThatHasGivenItsWholeAnswer) {
  for (int i = 0; i < 3; ++i) {
    begin(kList);
    heard(0, "pageNumber=1");
    say(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(answered().has_value());
  }
  EXPECT_EQ(far.size(), 1U);
}

TEST_F(InnerCallerTest, TellsTheGatewaysOwnAnswersFromTheUpstreams) {
  begin(kList);
  heard(0, "pageNumber=1");
  say(0,
      "HTTP/1.1 429 Too Many Requests\r\nX-Claviger-Error: limited\r\nRetry-After: 7\r\nContent-Length: "
      "4\r\n\r\nwhy?");
  const auto got = answered();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->status, 429U);
  EXPECT_EQ(got->error_code, "limited");
  EXPECT_EQ(got->retry_after, 7U);
  EXPECT_EQ(got->body, "why?");
}

TEST_F(InnerCallerTest, HandsOnTheBodyOfAGoodAnswerAsItComes) {
  std::string pieces;
  ApiRequest request = kList;
  request.on_body = [&](std::string_view piece) {
    pieces += piece;
    return ok();
  };
  begin(std::move(request));
  heard(0, "pageNumber=1");
  say(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_TRUE(run_until([&] { return pieces == "abc"; }));
  say(0, "2\r\nde\r\n0\r\n\r\n");
  const auto got = answered();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(pieces, "abcde");
  EXPECT_EQ(got->body, "");
}

TEST_F(InnerCallerTest, EndsTheCallWithTheErrorOfWhoeverTakesTheBody) {
  ApiRequest request = kList;
  request.on_body = [](std::string_view) -> Result<void> {
    return Error(Code::kBadRequest, Blame::kUpstream, "that is no JSON");
  };
  begin(std::move(request));
  heard(0, "pageNumber=1");
  say(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  const auto got = answered();
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().what(), "that is no JSON");
}

TEST_F(InnerCallerTest, AnAnswerThatIsCutShortIsNoAnswer) {
  begin(kList);
  heard(0, "pageNumber=1");
  say(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  far[0].reset();
  const auto got = answered();
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), Code::kUpstreamFailed);
}

TEST_F(InnerCallerTest, GivesUpWhenItsTimeHasComeAndNeverUsesThatConnectionAgain) {
  ApiRequest request = kList;
  request.until = loop().clock().monotonic() + milliseconds(100);
  begin(std::move(request));
  const auto got = answered();
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), Code::kTimeout);
  begin(kList);
  EXPECT_TRUE(run_until([this] { return far.size() == 2; }));
}

TEST_F(InnerCallerTest, GivesUpInTimeHoweverFastAnAnswerFlows) {
  ApiRequest request = kList;
  request.until = loop().clock().monotonic() + milliseconds(100);
  std::size_t pieces = 0;
  request.on_body = [&](std::string_view) {
    if (++pieces < 10'000'000) say(0, "1\r\na\r\n");
    return ok();
  };
  begin(std::move(request));
  heard(0, "pageNumber=1");
  say(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  const auto got = answered();
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), Code::kTimeout);
  EXPECT_LT(pieces, 10'000'000U);
}

TEST_F(InnerCallerTest, LeavesOthersTheirTurnHoweverFastAnAnswerFlows) {
  ApiRequest request = kList;
  bool was_somebody_else = false;
  std::size_t pieces = 0;
  request.on_body = [&](std::string_view piece) {
    if (piece == "b") return ok();
    say(0, was_somebody_else || ++pieces == 10'000'000 ? "1\r\nb\r\n0\r\n\r\n" : "1\r\na\r\n");
    return ok();
  };
  begin(std::move(request));
  heard(0, "pageNumber=1");
  net::Timer timer(loop());
  timer.start(milliseconds(10), [&] { was_somebody_else = true; });
  say(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  EXPECT_TRUE(answered().has_value());
  EXPECT_LT(pieces, 10'000'000U);
}

TEST_F(InnerCallerTest, AnAnswerThatCameTooLateIsNone) {
  for (const std::string_view body : {"2\r\n\r\n{}", "0\r\n\r\n"}) {
    ApiRequest request = kList;
    request.until = loop().clock().monotonic() + milliseconds(20);
    begin(std::move(request));
    const std::size_t last = far.size() - 1;
    heard(last, "pageNumber=1");
    say(last, "HTTP/1.1 200 OK\r\nContent-Length: " + std::string(body));
    std::this_thread::sleep_for(milliseconds(40));
    const auto got = answered();
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code(), Code::kTimeout);
  }
}

TEST_F(InnerCallerTest, HoldsNoLargeBody) {
  begin(kList);
  heard(0, "pageNumber=1");
  say(0, "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n");
  const std::string part(65'536, 'x');
  for (std::size_t said = 0; said <= ApiCaller::kMostBody && !answer.has_value(); said += part.size()) {
    say(0, part);
    loop().turn(milliseconds(0));
  }
  const auto got = answered();
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().what(), "the answer was cut short: the upstream's answer is too large");
}

TEST_F(InnerCallerTest, SaysWhenThereIsNoSuchUpstreamOrNoConnection) {
  ApiRequest elsewhere = kList;
  elsewhere.upstream = "technitium-b";
  begin(std::move(elsewhere));
  EXPECT_EQ(answered().error().code(), Code::kUnavailable);
  may_connect = false;
  begin(kList);
  EXPECT_EQ(answered().error().code(), Code::kUnavailable);
}

TEST_F(InnerCallerTest, SendsNothingThatWouldBeAnotherRequest) {
  for (const std::string path : {"/api x", "/a\r\nX: y", "/a?b", "/a#b", "api", "/\xc3\xa4"}) {
    ApiRequest request = kList;
    request.path = path;
    begin(std::move(request));
    EXPECT_FALSE(answered().has_value()) << path;
  }
  EXPECT_TRUE(far.empty());
}

TEST_F(InnerCallerTest, EndsEverythingAtOnceWhenItIsStopped) {
  begin(kList);
  heard(0, "pageNumber=1");
  caller.stop();
  EXPECT_EQ(answered().error().code(), Code::kUpstreamFailed) << "it may have been done";
  begin(kList);
  EXPECT_EQ(answered().error().code(), Code::kCancelled);
  EXPECT_EQ(far.size(), 1U);
}

}  // namespace
}  // namespace claviger::doors::externaldns
