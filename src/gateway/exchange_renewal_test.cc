// SPDX-License-Identifier: Apache-2.0
// A call whose session the upstream does not know any more, from the caller's socket to the upstream's.
#include <gtest/gtest.h>

#include "base/json.h"
#include "gateway/testing/caller.h"
#include "gateway/testing/script.h"
#include "net/listener.h"

namespace claviger::gateway {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kAuth =
    R"({"kind":"session_login","username":"fake-user","login":{"path":"/login","form":{"p":"$password"}},)"
    R"("token":{"json":"token"},"lifetime":"1h","lost":{"json":"status","is":["invalid-token"]}})";
const std::string kLost = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nlost";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct RenewalTest : ::testing::Test {
  net::ListeningSocket socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  testing::Stand stand{socket.bound.port};
  testing::Script script;
  std::unique_ptr<net::Acceptor> acceptor = script.listen(stand.loop(), socket.fd);
  int logins = 0;
  std::vector<std::string> bodies;
  std::string token_answer;  // instead of a good one
  unsigned token_status = 200;

  RenewalTest() {
    stand.fetch_token = [this](http::FetchTarget,
                               http::FetchRequest request) -> net::Task<Result<http::FetchAnswer>> {
      ++logins;
      bodies.emplace_back(request.body);
      std::string body = token_answer;
      if (body.empty()) body = R"({"token":"fake-session-token-)" + std::to_string(logins) + "\"}";
      co_await stand.loop().yield();
      http::FetchAnswer answer;
      answer.status = token_status;
      answer.body = *base::SecretBytes::copy_of(stand.arena(), std::as_bytes(std::span(body)));
      co_return answer;
    };
    policy::Resources resources = stand.resources();
    resources.upstreams[0].auth = *base::parse_json(kAuth, "auth");
    stand.adopt(std::move(resources));
  }
  ~RenewalTest() override {
    acceptor.reset();
    stand.worker().pools.retire_all();
    for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(1));
  }
  static std::string post(const std::string& body, const std::string& more = "") {
    return "POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\n" + more +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  std::string all_received() const {
    std::string all;
    for (const std::string& each : script.received) all += each;
    return all;
  }
  static std::size_t count(const std::string& text, const std::string& what) {
    std::size_t found = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  }
};

TEST_F(RenewalTest, TheFirstCallWaitsForALogInAndTheNextOnesDoNot) {
  script.connections = {{{"\r\n\r\n", kOk}, {"/v1/two", kOk}}};
  testing::Caller caller(stand);
  caller.get("/api/v1/one");
  ASSERT_TRUE(caller.hears("\r\n\r\nok")) << caller.heard();
  caller.get("/api/v1/two");
  ASSERT_TRUE(stand.run_until([&] { return count(caller.heard(), "\r\n\r\nok") == 2; }));
  EXPECT_EQ(logins, 1);
  EXPECT_EQ(bodies[0], "p=" + std::string(testing::Stand::kSecret));
  EXPECT_EQ(count(all_received(), "Authorization: Bearer fake-session-token-1\r\n"), 2U);
}

TEST_F(RenewalTest, ALostSessionIsRenewedAndTheCallSentOnceMoreBodyAndAll) {
  script.connections = {{{"hello", kLost}, {"hello again, or is it", kOk}}, {{"hello", kOk}}};
  testing::Caller caller(stand);
  caller.say(post("hello"));
  ASSERT_TRUE(caller.hears("\r\n\r\nok")) << caller.heard();
  EXPECT_EQ(caller.heard().find("401"), std::string::npos);
  EXPECT_EQ(logins, 2);
  const std::string all = all_received();
  EXPECT_EQ(count(all, "fake-session-token-1\r\n"), 1U);
  EXPECT_EQ(count(all, "fake-session-token-2\r\n"), 1U);
  EXPECT_EQ(count(all, "\r\n\r\nhello"), 2U);
}

TEST_F(RenewalTest, ABodyIsHeldUntilTheAnswerIsClearAndNoLonger) {
  script.connections = {{{"hello", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok"}, {"never", ""}}};
  testing::Caller caller(stand);
  caller.say(post("hello"));
  ASSERT_TRUE(caller.hears("\r\n\r\nok")) << caller.heard();
  EXPECT_EQ(stand.worker().held_bodies, 0U);
}

TEST_F(RenewalTest, AChunkedBodyGoesOutAgainWithItsLength) {
  script.connections = {{{"0\r\n\r\n", kLost + ""}, {"never", ""}}, {{"abcdef", kOk}}};
  testing::Caller caller(stand);
  caller.say(
      "POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
  ASSERT_TRUE(stand.run_until([&] { return logins == 2; }));
  // On whichever connection it comes.
  ASSERT_TRUE(
      stand.run_until([&] { return all_received().find("Content-Length: 6\r\n") != std::string::npos; }));
}

TEST_F(RenewalTest, ARefusalThatAnotherTokenDoesNotCureIsRelayed) {
  script.connections = {{{"token-1", kLost}, {"token-2", kLost}}, {{"token-2", kLost}}};
  testing::Caller caller(stand);
  caller.get("/api/v1/one");
  ASSERT_TRUE(caller.hears("\r\n\r\nlost")) << caller.heard();
  EXPECT_TRUE(caller.heard().starts_with("HTTP/1.1 401 "));
  EXPECT_EQ(logins, 2);
}

TEST_F(RenewalTest, WhereNoOtherTokenIsToBeHadTheRefusalIsRelayed) {
  script.connections = {{{"\r\n\r\n", kOk}, {"/v1/two", kLost}}};
  testing::Caller caller(stand);
  caller.get("/api/v1/one");
  ASSERT_TRUE(caller.hears("\r\n\r\nok"));
  token_status = 500;
  token_answer = "{}";
  caller.get("/api/v1/two");
  ASSERT_TRUE(caller.hears("\r\n\r\nlost")) << caller.heard();
  EXPECT_EQ(logins, 2);
}

TEST_F(RenewalTest, ALargeBodyIsNotSentAgainButTheSessionIsRenewed) {
  script.connections = {{{"xxxx", kLost}}};
  testing::Caller caller(stand);
  caller.say("POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 100000\r\n\r\nxxxx");
  ASSERT_TRUE(caller.hears("\r\n\r\nlost")) << caller.heard();
  EXPECT_TRUE(stand.run_until([&] { return logins == 2; }));
  EXPECT_EQ(count(all_received(), "POST "), 1U);
}

TEST_F(RenewalTest, AnAnswerThatNamesALostSessionInItsBodyIsRenewedAsWell) {
  const std::string body = R"({"status":"invalid-token","errorMessage":"Invalid token or session expired."})";
  const std::string lost =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  script.connections = {{{"token-1", lost}, {"token-2", kOk}}, {{"token-2", kOk}}};
  testing::Caller caller(stand);
  caller.say(post("domain=example.test"));
  ASSERT_TRUE(caller.hears("\r\n\r\nok")) << caller.heard();
  EXPECT_EQ(caller.heard().find("invalid-token"), std::string::npos);
  EXPECT_EQ(logins, 2);
}

TEST_F(RenewalTest, AnAnswerThatWasLookedAtIsRelayedToItsLastByte) {
  const std::string body = R"({"status":"ok","response":{"note":"invalid-token"}})";
  const std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n";
  script.connections = {{{"\r\n\r\n", head + body.substr(0, 20)}, {"", body.substr(20)}}};
  testing::Caller caller(stand);
  caller.get("/api/v1/one");
  ASSERT_TRUE(caller.hears("\r\n\r\n" + body)) << caller.heard();
  EXPECT_EQ(logins, 1);
}

TEST_F(RenewalTest, WithoutATokenACallIsRefusedAndToldWhen) {
  token_answer = R"({"status":"error"})";
  testing::Caller caller(stand);
  caller.get("/api/v1/one");
  ASSERT_TRUE(caller.hears("no_credential")) << caller.heard();
  EXPECT_TRUE(caller.heard().starts_with("HTTP/1.1 503 "));
  EXPECT_NE(caller.heard().find("Retry-After: 1"), std::string::npos) << caller.heard();
  for (int i = 0; i < 20; ++i) caller.get("/api/v1/one");
  ASSERT_TRUE(stand.run_until([&] { return count(caller.heard(), "HTTP/1.1 503 ") == 21; }));
  EXPECT_EQ(logins, 1);
  EXPECT_TRUE(script.received.empty());
}

TEST_F(RenewalTest, AnEndpointThatCannotBeAskedIs502) {
  stand.fetch_token = nullptr;
  testing::Caller caller(stand);
  caller.get("/api/v1/one");
  ASSERT_TRUE(caller.hears("upstream_failed")) << caller.heard();
  EXPECT_TRUE(caller.heard().starts_with("HTTP/1.1 502 "));
  EXPECT_NE(caller.heard().find("Retry-After: "), std::string::npos);
}

}  // namespace
}  // namespace claviger::gateway
