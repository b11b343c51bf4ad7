// SPDX-License-Identifier: Apache-2.0
#include "http/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "http/testing/answering_peer.h"
#include "net/local_ca.h"
#include "net/testing/folder.h"
#include "net/ticket_keys.h"

namespace claviger::http {
namespace {

using std::chrono::milliseconds;
using testing::AnsweringPeer;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct FetchTest : ::testing::Test, testing::FetchStand {
  AnsweringPeer peer{loop()};

  Result<FetchAnswer> get(FetchRequest request = {}, FetchLimits limits = {}) {
    return finish(fetch(around, peer.target(), request, limits));
  }
  void answer(std::string text, bool closes = false) {
    peer.answering = [text = std::move(text), closes](const AnsweringPeer::Request&) {
      return AnsweringPeer::Answer{text, closes};
    };
  }
  std::string why(std::string text, bool closes = false) {
    answer(std::move(text), closes);
    const auto got = get();
    EXPECT_EQ(arena->usage().in_use, got.has_value() && !got->body.empty() ? arena->usage().in_use : 0U);
    return got.has_value() ? "it was taken" : std::string(got.error().what());
  }
};

TEST_F(FetchTest, GivesTheWholeAnswer) {
  answer(
      "HTTP/1.1 201 Made\r\nContent-Type: Application/JSON ; charset=utf-8\r\nRetry-After: 7\r\n"
      "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n");
  const auto got = get();
  ASSERT_TRUE(got.has_value()) << got.error().what();
  EXPECT_EQ(got->status, 201U);
  EXPECT_EQ(got->body.reveal_text(), "{\"a\":1}");
  EXPECT_TRUE(arena->contains(got->body.reveal().data()));
  EXPECT_EQ(got->content_type, "application/json");
  EXPECT_EQ(got->retry_after, std::chrono::seconds(7));
}

TEST_F(FetchTest, SendsWhatItIsAskedTo) {
  const std::array<FetchField, 2> fields = {
      {{"Content-Type", "application/x-www-form-urlencoded"}, {"Authorization", "Bearer fake-token"}}};
  ASSERT_TRUE(get({.method = Method::kPost, .target = "/token?a=b", .fields = fields, .body = "grant=fake"})
                  .has_value());
  ASSERT_EQ(peer.requests.size(), 1U);
  const auto& request = peer.requests.front();
  EXPECT_EQ(request.line(), "POST /token?a=b HTTP/1.1");
  EXPECT_EQ(request.field("Host"), peer.target().authority);
  EXPECT_EQ(request.field("Accept-Encoding"), "identity");
  EXPECT_EQ(request.field("Connection"), "close");
  EXPECT_EQ(request.field("Content-Length"), "10");
  EXPECT_EQ(request.field("Authorization"), "Bearer fake-token");
  EXPECT_EQ(request.body, "grant=fake");
}

TEST_F(FetchTest, SaysALengthWhereABodyIsExpectedAlone) {
  ASSERT_TRUE(get().has_value());
  ASSERT_TRUE(get({.method = Method::kPost}).has_value());
  EXPECT_EQ(peer.requests[0].field("Content-Length"), "");
  EXPECT_EQ(peer.requests[1].field("Content-Length"), "0");
}

TEST_F(FetchTest, TakesNothingThatWouldEndAFieldOrTheHead) {
  for (const char* value : {"fake\r\nX: y", "fake\n", "fake\x7f"}) {
    const std::array<FetchField, 1> fields = {{{"X-Vault-Token", value}}};
    EXPECT_EQ(get({.fields = fields}).error().code(), Code::kInvalid) << value;
  }
  const std::array<FetchField, 1> named = {{{"X Vault", "fake"}}};
  EXPECT_EQ(get({.fields = named}).error().code(), Code::kInvalid);
  for (const char* target : {"/a b", "/a\r\nX: y", "", "a", "/a#b", "http://x/"})
    EXPECT_EQ(get({.target = target}).error().code(), Code::kInvalid) << target;
  EXPECT_EQ(get({.method = Method::kConnect}).error().code(), Code::kInvalid);
  EXPECT_TRUE(peer.requests.empty());
}

TEST_F(FetchTest, PassesInterimAnswersByButNotForEver) {
  const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
  answer(interim + interim + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(get()->body.reveal_text(), "{}");
  std::string many;
  for (int i = 0; i < 9; ++i) many += interim;
  EXPECT_THAT(why(many + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), HasSubstr("no final answer"));
  EXPECT_THAT(why("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
              HasSubstr("no final answer"));
}

TEST_F(FetchTest, FollowsNoRedirect) {
  answer("HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(get()->status, 307U);
  EXPECT_EQ(peer.requests.size(), 1U);
}

TEST_F(FetchTest, RefusesWhatItDidNotAskFor) {
  EXPECT_THAT(why("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"), HasSubstr("HTTP/1.0"));
  EXPECT_THAT(why("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
              HasSubstr("coding"));
  EXPECT_THAT(why("SSH-2.0-OpenSSH\r\n\r\n"), StartsWith(peer.target().authority));
  EXPECT_EQ(why("HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}"),
            "it was taken");
}

TEST_F(FetchTest, RefusesAnAnswerThatIsTooLarge) {
  EXPECT_THAT(why("HTTP/1.1 200 OK\r\nContent-Length: 262145\r\n\r\n"), HasSubstr("too large"));
  std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 5; ++i) chunked += "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  EXPECT_THAT(why(chunked + "0\r\n\r\n"), HasSubstr("too large"));
  EXPECT_THAT(why("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"), HasSubstr("head"));
  answer("HTTP/1.1 200 OK\r\nContent-Length: 262144\r\n\r\n" + std::string(262'144, 'x'));
  EXPECT_EQ(get()->body.size(), 262'144U);
}

TEST_F(FetchTest, TakesNoPartForTheWhole) {
  EXPECT_THAT(why("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", true),
              HasSubstr(peer.target().authority));
  EXPECT_THAT(why("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", true),
              Not(HasSubstr("taken")));
  EXPECT_THAT(why("HTTP/1.1 200 OK\r\nContent-Len", true), Not(HasSubstr("taken")));
  EXPECT_EQ(why("HTTP/1.1 200 OK\r\n\r\n{}", true), "it was taken");
  peer.hangs_up = true;
  EXPECT_EQ(get().error().code(), Code::kUpstreamFailed);
}

TEST_F(FetchTest, WaitsForNobodyLongerThanItMay) {
  answer("");
  EXPECT_EQ(get({}, {.total = milliseconds(60)}).error().code(), Code::kUpstreamTimeout);
  answer("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}");
  EXPECT_EQ(get({}, {.total = milliseconds(60)}).error().code(), Code::kUpstreamTimeout);
}

TEST_F(FetchTest, NothingStaysInTheArena) {
  {
    const auto got = get();
    EXPECT_GT(arena->usage().in_use, 0U);
  }
  EXPECT_EQ(arena->usage().in_use, 0U);
}

TEST_F(FetchTest, SaysThatTheArenaIsSpent) {
  const auto small =
      *base::SecretArena::create({.memory = base::SecretArena::Memory::kLocked, .limit = 64 << 10});
  const FetchSurroundings tight{loop(), *resolver, buffers, *small};
  answer("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + std::string(200'000, 'x'));
  const auto got = finish(fetch(tight, peer.target(), {}, {}));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), Code::kUnavailable);
}

TEST_F(FetchTest, GoesWhereTheGuardLetsItAlone) {
  auto target = peer.target();
  target.destination.rules.allow_private = false;
  const auto got = finish(fetch(around, target, {}, {}));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().blame(), Blame::kOperator);
  EXPECT_TRUE(peer.requests.empty());
}

TEST_F(FetchTest, SpeaksTlsToWhomeverItTrusts) {
  net::testing::Folder files;
  const auto made = *net::make_local_ca({"127.0.0.1"});
  const auto tickets = *net::TicketKeys::create(*arena, loop().clock());
  AnsweringPeer secure(
      loop(), *net::ServerTls::create({.certificate_file = files.write("c.pem", made.certificate_pem),
                                       .key_file = files.write("k.pem", made.key_pem)},
                                      *tickets));
  const auto trusting = [&](std::string_view ca) {
    auto target = secure.target();
    target.tls = std::make_shared<net::ClientTls>(
        *net::ClientTrust::of_pem(ca), net::ClientTlsOptions{.server_name = "127.0.0.1", .name_is_ip = true});
    return target;
  };
  EXPECT_EQ(finish(fetch(around, trusting(made.ca_pem), {}, {}))->body.reveal_text(), "{}");
  const auto stranger = finish(fetch(around, trusting(net::make_local_ca({"127.0.0.1"})->ca_pem), {}, {}));
  ASSERT_FALSE(stranger.has_value());
  EXPECT_EQ(stranger.error().code(), Code::kUpstreamFailed);
  EXPECT_EQ(secure.requests.size(), 1U);
}

}  // namespace
}  // namespace claviger::http
