// SPDX-License-Identifier: Apache-2.0
// What kinds that fetch tokens ask for, what they read in answers, and what they ask of settings and secrets.
#include <gtest/gtest.h>

#include "base/json.h"
#include "credentials/catalog.h"
#include "credentials/testing/bench.h"
#include "credentials/token.h"

namespace claviger::credentials {
namespace {

using testing::Bench;

constexpr std::string_view kClient =
    R"({"kind":"oauth2_client_credentials","token_url":"https://idp.test/token","client_id":"my client")";
constexpr std::string_view kRefresh =
    R"({"kind":"oauth2_refresh_token","token_url":"https://idp.test/token","client_id":"me")";
constexpr std::string_view kTechnitium =
    R"({"kind":"session_login","login":{"path":"/api/user/login","form":{"user":"$user","pass":"$password"}},)"
    R"("token":{"json":"token"},"lifetime":"30m","lost":{"json":"status","is":["invalid-token"]},)"
    R"("send":{"kind":"query","name":"token"})";

struct TokenKindsTest : ::testing::Test {
  Bench bench;

  Result<std::unique_ptr<const Credential>> make(std::string_view auth_json, std::string_view secret) {
    const base::Document auth = *base::parse_json(auth_json, "auth");
    const Kind* kind = CLV_TRY(find_kind(auth));
    return bench.make(*kind, auth, secret);
  }
  bool is_refused(std::string_view auth, std::string_view secret = "fake-user:fake-password") {
    return !make(auth, secret).has_value();
  }
  // "<authorization>\n<type>\n<query>\n<body>"
  std::string request_of(std::string_view auth, std::string_view secret) {
    const auto made = make(auth, secret);
    if (!made.has_value()) return "error: " + std::string(made.error().what());
    const auto request =
        (*made)->fetcher()->request(secret, WallTime(std::chrono::seconds(1'700'000'000)), bench.arena());
    if (!request.has_value()) return "error: " + std::string(request.error().what());
    return std::string(request->authorization.reveal_text()) + "\n" + request->content_type + "\n" +
           std::string(request->query.reveal_text()) + "\n" + std::string(request->body.reveal_text());
  }
  http::FetchAnswer answer(unsigned status, std::string_view body, std::string_view cookie = "") {
    http::FetchAnswer made;
    made.status = status;
    made.body = *base::SecretBytes::copy_of(bench.arena(), std::as_bytes(std::span(body)));
    made.cookie = *base::SecretBytes::copy_of(bench.arena(), std::as_bytes(std::span(cookie)));
    return made;
  }
  // "<token> <lifetime> <next secret>", or "refused"/"failed".
  std::string read(std::string_view auth, std::string_view secret, unsigned status, std::string_view body,
                   std::string_view cookie = "") {
    const auto made = make(auth, secret);
    if (!made.has_value()) return "error: " + std::string(made.error().what());
    const auto fetched = (*made)->fetcher()->read(answer(status, body, cookie), secret, bench.arena());
    if (!fetched.has_value()) return fetched.error().code() == Code::kNoCredential ? "refused" : "failed";
    return std::string(fetched->text.reveal_text()) + " " + std::to_string(fetched->lifetime.count()) + " " +
           std::string(fetched->next_secret.reveal_text());
  }
  // What a token is on a request: query and fields.
  std::string carried(std::string_view auth, std::string_view secret, std::string_view text) {
    const auto made = make(auth, secret);
    if (!made.has_value()) return "error: " + std::string(made.error().what());
    auto carrier = (*made)->fetcher()->carry(
        *base::SecretBytes::copy_of(bench.arena(), std::as_bytes(std::span(text))), bench.key());
    if (!carrier.has_value()) return "error: " + std::string(carrier.error().what());
    Token token;
    token.carrier = *std::move(carrier);
    std::string room(4096, '\0');
    http::HeadWriter out(room);
    vault::Opener opener = bench.opener();
    const Attaching with{.opener = opener, .token = &token};
    EXPECT_TRUE((*made)->write_query(out, with).has_value());
    EXPECT_TRUE((*made)->write_fields(out, with).has_value());
    return std::string(out.text());
  }
};

std::string with(std::string_view settings, std::string_view more) {
  return std::string(settings) + (more.empty() ? "" : ",") + std::string(more) + "}";
}

// --- RFC 6749 ------------------------------------------------------------------------------------

TEST_F(TokenKindsTest, AClientShowsItsSecretInTheHeadOrInTheBody) {
  EXPECT_EQ(request_of(with(kClient, ""), "fake secret:/with+marks"),
            "Basic bXklMjBjbGllbnQ6ZmFrZSUyMHNlY3JldCUzQSUyRndpdGglMkJtYXJrcw==\n"
            "application/x-www-form-urlencoded\n\ngrant_type=client_credentials");
  EXPECT_EQ(request_of(with(kClient, R"("client_auth":"body","scope":"a b","parameters":{"audience":"x&y"})"),
                       "fake secret"),
            "\napplication/x-www-form-urlencoded\n\ngrant_type=client_credentials&scope=a%20b&audience=x%26y&"
            "client_id=my%20client&client_secret=fake%20secret");
}

TEST_F(TokenKindsTest, ARefreshTokenComesAloneOrWithItsClient) {
  EXPECT_EQ(request_of(with(kRefresh, ""), "fake-refresh-token"),
            "\napplication/x-www-form-urlencoded\n\n"
            "grant_type=refresh_token&refresh_token=fake-refresh-token&client_id=me");
  EXPECT_EQ(
      request_of(R"({"kind":"oauth2_refresh_token","token_url":"https://idp.test/t"})",
                 R"({"refresh_token":"fake-r","client_secret":"fake-s","client_id":"c","type":"x"})"),
      "Basic "
      "YzpmYWtlLXM=\napplication/x-www-form-urlencoded\n\ngrant_type=refresh_token&refresh_token=fake-r");
  EXPECT_TRUE(
      is_refused(R"({"kind":"oauth2_refresh_token","token_url":"https://idp.test/t"})", "fake-alone"));
  EXPECT_TRUE(is_refused(with(kRefresh, ""), R"({"client_secret":"fake-s"})"));
}

TEST_F(TokenKindsTest, AReplacedRefreshTokenHasTheFormOfTheOldOne) {
  const std::string body =
      R"({"access_token":"fake-access","token_type":"bearer","expires_in":60,"refresh_token":"fake \"new\""})";
  EXPECT_EQ(read(with(kRefresh, ""), "fake-old", 200, body), "fake-access 60 fake \"new\"");
  EXPECT_EQ(read(with(kRefresh, ""), R"({"refresh_token":"fake-old","client_secret":"fake-s"})", 200, body),
            R"(fake-access 60 {"refresh_token":"fake \"new\"","client_secret":"fake-s"})");
  EXPECT_EQ(read(with(kRefresh, ""), "fake-old", 200,
                 R"({"access_token":"fake-access","expires_in":60,"refresh_token":"fake-old"})"),
            "fake-access 60 ");
  // What would be taken for JSON is not left to be.
  EXPECT_EQ(read(with(kRefresh, ""), "fake-old", 200,
                 R"({"access_token":"fake-access","expires_in":60,"refresh_token":"{fake"})"),
            R"(fake-access 60 {"refresh_token":"{fake"})");
}

TEST_F(TokenKindsTest, HowLongATokenIsGood) {
  const auto lifetime = [&](const std::string& more, const std::string& settings = "") {
    return read(with(kClient, settings), "fake-secret", 200, R"({"access_token":"fake-t")" + more + "}");
  };
  EXPECT_EQ(lifetime(R"(,"expires_in":3600)"), "fake-t 3600 ");
  EXPECT_EQ(lifetime(R"(,"expires_in":"3600")"), "fake-t 3600 ");
  EXPECT_EQ(lifetime(R"(,"expires_in":18446744073709551615)"), "fake-t 86400 ");
  EXPECT_EQ(lifetime(""), "fake-t 300 ");
  EXPECT_EQ(lifetime("", R"("lifetime":"1h")"), "fake-t 3600 ");
  for (const char* wrong : {"0", "-1", "\"\"", "\"-1\"", "1.5", "1e9", "true", "[]", "\"3600s\""})
    EXPECT_EQ(lifetime(std::string(",\"expires_in\":") + wrong), "failed") << wrong;
}

TEST_F(TokenKindsTest, ARefusalIsToldFromAFailure) {
  for (const unsigned status : {400U, 401U, 403U}) {
    EXPECT_EQ(read(with(kClient, ""), "fake", status, R"({"error":"invalid_client"})"), "refused") << status;
    EXPECT_EQ(read(with(kClient, ""), "fake", status, "<html>"), "refused") << status;
  }
  for (const unsigned status : {301U, 302U, 307U, 404U, 405U, 408U, 429U, 500U, 502U, 503U})
    EXPECT_EQ(read(with(kClient, ""), "fake", status, R"({"access_token":"fake-t"})"), "failed") << status;
  EXPECT_EQ(read(with(kClient, ""), "fake", 400, R"({"error":"temporarily_unavailable"})"), "failed");
}

// --- RFC 7523 ------------------------------------------------------------------------------------

TEST_F(TokenKindsTest, AnAssertionNeedsAKey) {
  constexpr std::string_view kSettings =
      R"({"kind":"jwt_bearer","token_url":"https://idp.test/token","issuer":"me"})";
  EXPECT_TRUE(is_refused(kSettings, "no key"));
  EXPECT_TRUE(is_refused(kSettings, R"({"client_email":"me"})"));
  EXPECT_TRUE(is_refused(kSettings, R"({"private_key":"no key"})"));
}

// --- Sessions ------------------------------------------------------------------------------------

TEST_F(TokenKindsTest, ALogInIsAFormAsTechnitiumHasIt) {
  EXPECT_EQ(request_of(with(kTechnitium, ""), "admin:fake pass:word&x"),
            "\napplication/x-www-form-urlencoded\n\nuser=admin&pass=fake%20pass%3Aword%26x");
  EXPECT_EQ(request_of(with(kTechnitium, R"("username":"root")"), "fake:all of it"),
            "\napplication/x-www-form-urlencoded\n\nuser=root&pass=fake%3Aall%20of%20it");
  EXPECT_EQ(read(with(kTechnitium, ""), "admin:fake-password", 200,
                 R"({"token":"fake-session-token","status":"ok"})"),
            "fake-session-token 1800 ");
  EXPECT_EQ(read(with(kTechnitium, ""), "admin:fake-password", 200,
                 R"({"status":"error","errorMessage":"Invalid username or password for user: admin"})"),
            "refused");
  EXPECT_EQ(carried(with(kTechnitium, ""), "admin:fake-password", "fake-session-token"),
            "token=fake-session-token");
}

TEST_F(TokenKindsTest, ALogInMayBeJsonOrAQuery) {
  const std::string nested =
      R"({"kind":"session_login","login":{"url":"https://login.test/v1/auth/","json":)"
      R"({"auth":{"name":"$user","secret":"$password"},"remember":true,"n":5,"s":"5"}},)"
      R"("token":{"json":"data.token","expires_in":"data.ttl"}})";
  EXPECT_EQ(request_of(nested, R"(a"b:fake-\pass)"),
            "\napplication/json\n\n"
            R"({"auth":{"name":"a\"b","secret":"fake-\\pass"},"remember":true,"n":5,"s":"5"})");
  EXPECT_EQ(read(nested, "a:fake-password", 201, R"({"data":{"token":"fake-t","ttl":90}})"), "fake-t 90 ");
  EXPECT_EQ(read(nested, "a:fake-password", 200, R"({"data":{"token":"fake-t","ttl":0}})"), "failed");
  EXPECT_EQ(read(nested, "a:fake-password", 200, R"({"data":{"token":7}})"), "refused");
  EXPECT_EQ(read(nested, "a:fake-password", 200, "no json"), "failed");
  const std::string query =
      R"({"kind":"session_login","login":{"path":"/login","method":"GET","query":{"u":"$user","p":"$password"}},)"
      R"("token":{"json":"t"},"lifetime":"10m"})";
  EXPECT_EQ(request_of(query, "a:fake b"), "\n\nu=a&p=fake%20b\n");
  EXPECT_TRUE(is_refused(nested, "a:fake-\xff"));
}

TEST_F(TokenKindsTest, ASessionMayBeACookie) {
  const std::string settings =
      R"({"kind":"session_login","login":{"path":"/login","form":{"p":"$password"}},"username":"x",)"
      R"("token":{"cookie":"SID"},"lifetime":"1h","send":{"kind":"cookie","name":"SID"}})";
  EXPECT_EQ(read(settings, "fake-password", 302, "", "fake-cookie-value"), "fake-cookie-value 3600 ");
  EXPECT_EQ(read(settings, "fake-password", 200, "", ""), "refused");
  EXPECT_EQ(carried(settings, "fake-password", "fake-cookie-of-session"),
            "Cookie: SID=fake-cookie-of-session\r\n");
  EXPECT_TRUE(carried(settings, "fake-password", "fake-cookie; x=of-session").starts_with("error"));
}

TEST_F(TokenKindsTest, TellsALostSession) {
  const auto made = make(with(kTechnitium, ""), "admin:fake-password");
  ASSERT_TRUE(made.has_value());
  const TokenFetcher& fetcher = *(*made)->fetcher();
  EXPECT_TRUE(fetcher.is_lost(401U));
  EXPECT_FALSE(fetcher.is_lost(403U));
  EXPECT_TRUE(fetcher.looks_at_bodies());
  EXPECT_TRUE(fetcher.is_lost(R"({"status":"invalid-token","errorMessage":"x"})", bench.arena()));
  EXPECT_FALSE(fetcher.is_lost(R"({"status":"ok","note":"invalid-token"})", bench.arena()));
  EXPECT_FALSE(fetcher.is_lost(R"({"response":{"status":"invalid-token"}})", bench.arena()));
  EXPECT_FALSE(fetcher.is_lost(R"(["invalid-token"])", bench.arena()));
  EXPECT_FALSE(fetcher.is_lost("invalid-token", bench.arena()));
}

TEST_F(TokenKindsTest, ATokenGoesWhereSettingsSay) {
  EXPECT_EQ(carried(with(kClient, ""), "fake-secret", "fake-access-token-x"),
            "Authorization: Bearer fake-access-token-x\r\n");
  EXPECT_EQ(carried(with(kClient, R"("send":{"kind":"header","name":"X-Auth-Token","prefix":"T "})"),
                    "fake-secret", "fake-access-token-x"),
            "X-Auth-Token: T fake-access-token-x\r\n");
  EXPECT_TRUE(carried(with(kClient, ""), "fake-secret", "short").starts_with("error"));
  EXPECT_TRUE(is_refused(with(kClient, R"("send":{"kind":"basic"})"), "fake-secret"));
  EXPECT_TRUE(is_refused(with(kClient, R"("send":{"kind":"header","name":"Host"})"), "fake-secret"));
}

TEST_F(TokenKindsTest, RefusesSettingsThatCannotBeMeant) {
  const auto client = [](std::string_view url, std::string_view more) {
    return R"({"kind":"oauth2_client_credentials","client_id":"c","token_url":")" + std::string(url) + "\"" +
           std::string(more) + "}";
  };
  EXPECT_FALSE(is_refused(client("https://idp.test/token?v=1", "")));
  EXPECT_FALSE(is_refused(client("http://idp.test/token", R"(,"allow_plaintext":true)")));
  EXPECT_FALSE(is_refused(client("https://10.0.0.1/token", R"(,"allow_private_addresses":["10.0.0.0/8"])")));
  for (const std::string& wrong :
       {client("http://idp.test/token", ""), client("https://10.0.0.1/token", ""), client("idp.test", ""),
        client("https://user@idp.test/", ""), client("https://idp.test/../token", ""),
        client("https://idp.test/token?a b", ""), client("https://idp.test/token#x", ""),
        client("https://idp.test/t", R"(,"client_auth":"none")"),
        client("https://idp.test/t", R"(,"lifetime":"1s")"),
        client("https://idp.test/t", R"(,"parameters":{"client_secret":"x"})"),
        client("https://idp.test/t", R"(,"parameters":{"a":"line\nend"})"),
        client("https://idp.test/t", R"(,"typo":1)"),
        client("http://idp.test/t", R"(,"allow_plaintext":true,"ca":"/x.pem")")})
    EXPECT_TRUE(is_refused(wrong)) << wrong;
  const auto session = [](std::string_view login,
                          std::string_view more = R"(,"token":{"json":"t"},"lifetime":"1h")") {
    return R"({"kind":"session_login","login":)" + std::string(login) + std::string(more) + "}";
  };
  constexpr std::string_view kLogin = R"({"path":"/login","form":{"u":"$user","p":"$password"}})";
  EXPECT_FALSE(is_refused(session(kLogin)));
  for (const std::string& wrong :
       {session(R"({"path":"login","form":{"p":"$password"}})"), session(R"({"form":{"p":"$password"}})"),
        session(R"({"path":"/a","url":"https://x.test/","form":{"p":"$password"}})"),
        session(R"({"path":"/a"})"), session(R"({"path":"/a","form":{"u":"$user"}})"),
        session(R"({"path":"/a","form":{"p":"$password","q":"$password"}})"),
        session(R"({"path":"/a","form":{"p":"$password"},"json":{}})"),
        session(R"({"path":"/a","form":{"p":{"q":"$password"}}})"),
        session(R"({"path":"/a","method":"GET","form":{"p":"$password"}})"),
        session(R"({"path":"/../a","form":{"p":"$password"}})"), session(kLogin, ""),
        session(kLogin, R"(,"token":{"json":"t"})"), session(kLogin, R"(,"token":{},"lifetime":"1h")"),
        session(kLogin, R"(,"token":{"json":"a..b"},"lifetime":"1h")"),
        session(kLogin, R"(,"token":{"json":"t","cookie":"c"},"lifetime":"1h")"),
        session(kLogin, R"(,"token":{"json":"t"},"lifetime":"1h","lost":{"json":"status"})"),
        session(kLogin, R"(,"token":{"json":"t"},"lifetime":"1h","lost":{"statuses":[200]})")})
    EXPECT_TRUE(is_refused(wrong)) << wrong;
  EXPECT_TRUE(is_refused(session(kLogin), "password-alone"));
}

}  // namespace
}  // namespace claviger::credentials
