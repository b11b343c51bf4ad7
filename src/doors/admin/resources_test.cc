// SPDX-License-Identifier: Apache-2.0
// Resources and secrets over the management API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "doors/testing/admin_stand.h"

namespace claviger::doors {
namespace {

using registry::Verb;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct AdminResourcesTest : ::testing::Test, testing::AdminStand {
  testing::WireAnswer upload(std::string_view secret, std::string_view fields = "",
                             std::string_view name = "api-main") {
    return send("PUT /api/v1/credentials/" + std::string(name) +
                    "/secret HTTP/1.1\r\nX-API-Key: $KEY\r\nContent-Type: "
                    "application/octet-stream\r\nContent-Length: " +
                    std::to_string(secret.size()) + "\r\n" + std::string(fields),
                secret);
  }
};

TEST_F(AdminResourcesTest, ListsPageByPage) {
  std::string seen;
  std::string target = "/api/v1/principals?limit=2";
  for (int pages = 0; pages < 5; ++pages) {
    const auto answer = call("GET", target);
    ASSERT_EQ(answer.status, 200U);
    const auto page = base::parse_json(answer.body, "");
    ASSERT_TRUE(page.has_value()) << answer.body;
    auto reader = *base::ObjectReader::of(*page, "page");
    for (const auto& item : (*reader.required("items"))->items) seen += item.entries[1].second.scalar + " ";
    const auto next = *reader.optional_string("next");
    if (!next) break;
    target = "/api/v1/principals?limit=2&cursor=" + *next;
  }
  EXPECT_EQ(seen, "alice dora nora rita ");
  EXPECT_EQ(call("GET", "/api/v1/principals?cursor=zzz").body, "{\"items\":[]}\n");
}

TEST_F(AdminResourcesTest, ShowsOneWithItsRevision) {
  const auto answer = call("GET", "/api/v1/upstreams/api");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_THAT(answer.body, StartsWith(R"({"kind":"upstream","name":"api","mount":"/api")"));
  EXPECT_EQ(answer.field("ETag"), "\"5\"");
}

TEST_F(AdminResourcesTest, CreatesWhatIsNotThere) {
  const auto made = call("POST", "/api/v1/principals", R"({"name":"bob"})");
  EXPECT_EQ(made.status, 201U) << made.body;
  EXPECT_EQ(made.field("Location"), "/api/v1/principals/bob");
  EXPECT_NE(made.field("ETag"), "");
  EXPECT_THAT(made.body, HasSubstr(R"("name":"bob")"));
  ASSERT_EQ(registry().seen.size(), 1U);
  const auto& seen = registry().seen[0];
  EXPECT_EQ(seen.verb, Verb::kCreate);
  EXPECT_EQ(seen.actor.principal, "alice");
  EXPECT_EQ(seen.actor.address, "192.0.2.7");
  EXPECT_EQ(seen.actor.request_id, made.field("X-Request-Id"));
  EXPECT_EQ(call("POST", "/api/v1/principals", R"({"kind":"principal","name":"bob"})").status, 409U);
}

TEST_F(AdminResourcesTest, PutsUnderConditions) {
  const auto put = [&](std::string_view fields) {
    return call("PUT", "/api/v1/principals/bob", R"({"type":"user"})", fields);
  };
  EXPECT_EQ(put("If-Match: *\r\n").status, 404U);
  EXPECT_EQ(put("").status, 201U);
  const auto changed = put("");
  EXPECT_EQ(changed.status, 200U);
  EXPECT_EQ(put("If-Match: \"1\"\r\n").status, 409U);
  EXPECT_EQ(put("If-Match: " + changed.field("ETag") + "\r\n").status, 200U);
  EXPECT_EQ(put("If-Match: *\r\n").status, 200U);
  EXPECT_EQ(put("If-None-Match: *\r\n").status, 409U);
  EXPECT_EQ(call("PUT", "/api/v1/principals/carl", "{}", "If-None-Match: *\r\n").status, 201U);
}

TEST_F(AdminResourcesTest, RefusesConditionsThatItWouldHaveToGuess) {
  for (const char* fields :
       {"If-Match: 1\r\n", "If-Match: W/\"1\"\r\n", "If-Match: \"\"\r\n", "If-Match: \"1\", \"2\"\r\n",
        "If-Match: \"01\"\r\n", "If-Match: \"-1\"\r\n", "If-Match: \"x\"\r\n",
        "If-Match: \"18446744073709551616\"\r\n", "If-Match: \"1\r\n", "If-Match:\r\n",
        "If-None-Match: \"1\"\r\n", "If-Match: *\r\nIf-None-Match: *\r\n",
        "If-Match: \"1\"\r\nIf-Match: \"1\"\r\n"}) {
    EXPECT_EQ(call("PUT", "/api/v1/principals/nora", "{}", fields).status, 400U) << fields;
    EXPECT_EQ(call("DELETE", "/api/v1/principals/nora", "", fields).status, 400U) << fields;
  }
  EXPECT_EQ(call("DELETE", "/api/v1/principals/nora", "", "If-None-Match: *\r\n").status, 400U);
  EXPECT_EQ(call("POST", "/api/v1/principals", R"({"name":"bob"})", "If-None-Match: *\r\n").status, 400U);
  EXPECT_EQ(call("POST", "/api/v1/apply", R"({"resources":[]})", "If-Match: \"1\"\r\n").status, 400U);
  EXPECT_TRUE(registry().seen.empty());
}

TEST_F(AdminResourcesTest, TakesBackWhatItGave) {
  for (const char* target :
       {"/api/v1/principals/alice", "/api/v1/upstreams/api", "/api/v1/grants/alice:api"}) {
    const auto got = call("GET", target);
    const auto back = call("PUT", target, got.body, "If-Match: " + got.field("ETag") + "\r\n");
    EXPECT_EQ(back.status, 200U) << back.body;
  }
}

TEST_F(AdminResourcesTest, RefusesBodiesThatAreNotWhatThePathSays) {
  struct Case {
    const char* target;
    const char* body;
    const char* why;
  };
  constexpr Case kCases[] = {
      {"/api/v1/principals/nora", R"({"name":"other"})", "name: 'nora' expected"},
      {"/api/v1/principals/nora", R"({"kind":"grant"})", "kind: 'principal' expected"},
      {"/api/v1/principals/nora", R"({"kind":"principals"})", "kind: 'principal' expected"},
      {"/api/v1/principals/nora", R"({"kind":["principal"]})", "kind: 'principal' expected"},
      {"/api/v1/principals/nora", "\n{\"nmae\":\"x\"}", "line 2: principal: unknown key 'nmae'"},
      {"/api/v1/principals/nora", "[]", "a resource is a JSON object"},
      {"/api/v1/principals/nora", "\"nora\"", "a resource is a JSON object"},
      {"/api/v1/principals/nora", "{", "not well-formed JSON: it ends too early"},
      {"/api/v1/principals/nora", R"({"type":"user","type":"agent"})", "key 'type' is there twice"},
      {"/api/v1/principals/nora", "{\"type\":\"\xff\"}", "not well-formed JSON"},
      {"/api/v1/principals/nora", R"({"disabled":"true"})", "true or false expected"},
  };
  for (const Case& each : kCases) {
    const auto answer = call("PUT", each.target, each.body);
    EXPECT_EQ(answer.status, 400U) << each.body;
    EXPECT_THAT(answer.body, HasSubstr(each.why));
    EXPECT_THAT(answer.body, Not(HasSubstr("\":0:\""))) << "no place without a file";
  }
  EXPECT_EQ(call("PUT", "/api/v1/principals/nora", std::string(40, '[')).status, 400U);
  EXPECT_EQ(call("PUT", "/api/v1/principals/nora", std::string((1 << 20) + 1, ' ')).status, 413U);
}

TEST_F(AdminResourcesTest, WantsBodiesWhereTheyBelongAndInTheFormTheyBelongIn) {
  const std::string put = "PUT /api/v1/principals/nora HTTP/1.1\r\nX-API-Key: $KEY\r\nContent-Length: 2\r\n";
  EXPECT_EQ(send(put, "{}").status, 400U);
  for (const char* type : {"text/plain", "application/jsonx", "application/json; charset=latin1",
                           "application/json, text/plain", "", "application/x-www-form-urlencoded"})
    EXPECT_EQ(send(put + "Content-Type: " + type + "\r\n", "{}").status, 400U) << type;
  EXPECT_EQ(send(put + "Content-Type: application/json\r\nContent-Type: application/json\r\n", "{}").status,
            400U);
  EXPECT_EQ(send(put + "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "{}").status, 400U);
  EXPECT_EQ(send(put + "Content-Type: Application/JSON ; charset=UTF-8\r\n", "{}").status, 200U);
  EXPECT_EQ(call("GET", "/api/v1/principals/nora", "{}").status, 400U);
  EXPECT_EQ(call("DELETE", "/api/v1/principals/nora", "{}").status, 400U);
  EXPECT_EQ(call("POST", "/api/v1/principals/nora/disable", "{}").status, 400U);
  EXPECT_EQ(call("POST", "/api/v1/principals/nora/disable", "", "Content-Length: 0\r\n").status, 200U);
  EXPECT_EQ(
      send("PUT /api/v1/principals/nora HTTP/1.1\r\nX-API-Key: $KEY\r\nContent-Type: application/json\r\n"
           "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n",
           "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
          .status,
      200U);
}

TEST_F(AdminResourcesTest, DeletesWhatNothingNeeds) {
  EXPECT_EQ(call("DELETE", "/api/v1/upstreams/api").status, 409U);
  EXPECT_EQ(call("DELETE", "/api/v1/grants/alice:api", "", "If-Match: \"1\"\r\n").status, 409U);
  const auto gone = call("DELETE", "/api/v1/grants/alice:api");
  EXPECT_EQ(gone.status, 204U);
  EXPECT_EQ(gone.body, "");
  EXPECT_EQ(gone.field("Content-Length"), "") << "RFC 9110 section 8.6";
  EXPECT_EQ(call("DELETE", "/api/v1/grants/alice:api").status, 404U);
}

TEST_F(AdminResourcesTest, DisablesEnablesAndRevokes) {
  struct Case {
    const char* target;
    Verb verb;
  };
  const std::string key = make_key("nora");
  const std::string revoke_key = "/api/v1/api_keys/" + key.substr(4, 8) + "/revoke";
  const Case cases[] = {{"/api/v1/principals/nora/disable", Verb::kDisable},
                        {"/api/v1/principals/nora/enable", Verb::kEnable},
                        {"/api/v1/credentials/api-main/disable", Verb::kDisable},
                        {"/api/v1/credentials/api-main/enable", Verb::kEnable},
                        {"/api/v1/credentials/api-main/revoke", Verb::kRevoke},
                        {revoke_key.c_str(), Verb::kRevoke}};
  for (const Case& each : cases) {
    const auto answer = call("POST", each.target);
    EXPECT_EQ(answer.status, 200U) << each.target;
    EXPECT_EQ(registry().seen.back().verb, each.verb) << each.target;
  }
  EXPECT_EQ(call("POST", "/api/v1/principals/none/disable").status, 404U);
}

// --- Secrets ---

TEST_F(AdminResourcesTest, MakesAKeyAndShowsItOnce) {
  const auto made = call(
      "POST", "/api/v1/api_keys",
      R"({"kind":"api_key","principal":"rita","expires":"2099-01-01T00:00:00Z","cidrs":["192.0.2.0/24"]})");
  ASSERT_EQ(made.status, 201U) << made.body;
  const auto body = base::parse_json(made.body, "");
  ASSERT_TRUE(body.has_value()) << made.body;
  const std::string key = body->entries[0].second.scalar;
  EXPECT_EQ(made.field("Location"), "/api/v1/api_keys/" + key.substr(4, 8));
  EXPECT_EQ(send("GET /api/v1/status HTTP/1.1\r\nX-API-Key: " + key + "\r\n").status, 200U);
  const auto shown = call("GET", made.field("Location"));
  EXPECT_THAT(shown.body, Not(HasSubstr(key)));
  EXPECT_THAT(shown.body, Not(HasSubstr("sha256")));
}

TEST_F(AdminResourcesTest, RefusesKeyRequestsThatAreWrong) {
  for (const char* body :
       {R"({})", R"({"principal":""})", R"({"principal":"none"})", R"({"principal":"rita","expires":"90d"})",
        R"({"principal":"rita","cidrs":"10.0.0.0/8"})", R"({"principal":"rita","cidrs":["10.0.0.1/8"]})",
        R"({"principal":"rita","name":"fake0000"})", R"({"principal":"rita","key":"fake"})",
        R"({"kind":"grant","principal":"rita"})", "[]"}) {
    EXPECT_EQ(call("POST", "/api/v1/api_keys", body).status, 400U) << body;
  }
  const std::string hash = "sha256:" + std::string(64, 'a');
  const auto given =
      call("POST", "/api/v1/api_keys", R"({"name":"fake0000","principal":"rita","hash":")" + hash + "\"}");
  EXPECT_EQ(given.status, 201U) << "a key that was made elsewhere";
  EXPECT_THAT(given.body, Not(HasSubstr("\"key\"")));
}

TEST_F(AdminResourcesTest, TakesASecretAsRawBytes) {
  const std::string secret("fake-\0secret\r\n{\"\xff", 18);
  const auto answer = upload(secret);
  EXPECT_EQ(answer.status, 200U) << answer.body;
  EXPECT_EQ(registry().secrets["api-main"], secret);
  EXPECT_THAT(answer.body, Not(HasSubstr("secret\r")));
  EXPECT_THAT(answer.body, HasSubstr(R"("version":1)"));
  EXPECT_EQ(registry().seen.back().verb, Verb::kSetSecret);
  const std::string large(64 << 10, 's');
  EXPECT_EQ(upload(large).status, 200U);
  EXPECT_EQ(registry().secrets["api-main"], large);
  EXPECT_EQ(upload("fake", "If-Match: \"1\"\r\n").status, 409U);
  EXPECT_EQ(upload("fake", "Expect: 100-continue\r\n").status, 200U);
}

TEST_F(AdminResourcesTest, TakesASecretInChunksWithoutKnowingItsSize) {
  const std::string head =
      "PUT /api/v1/credentials/api-main/secret HTTP/1.1\r\nX-API-Key: $KEY\r\nContent-Type: "
      "application/octet-stream\r\nTransfer-Encoding: chunked\r\n";
  std::string body;
  std::string secret;
  for (int i = 0; i < 60; ++i) {
    const std::string piece(1000, static_cast<char>('A' + i % 26));
    body += "3e8\r\n" + piece + "\r\n";
    secret += piece;
  }
  EXPECT_EQ(send(head, body + "0\r\n\r\n").status, 200U);
  EXPECT_EQ(registry().secrets["api-main"], secret);
  for (int i = 0; i < 10; ++i) body += "3e8\r\n" + std::string(1000, 'x') + "\r\n";
  EXPECT_EQ(send(head, body + "0\r\n\r\n").status, 413U);
  EXPECT_EQ(send(head, "0\r\n\r\n").status, 400U);
  EXPECT_EQ(registry().secrets["api-main"], secret);
}

TEST_F(AdminResourcesTest, RefusesSecretsThatCannotBe) {
  const std::string head = "PUT /api/v1/credentials/api-main/secret HTTP/1.1\r\nX-API-Key: $KEY\r\n";
  const auto empty = upload("");
  EXPECT_EQ(empty.status, 400U);
  EXPECT_EQ(upload(std::string((64 << 10) + 1, 's')).status, 413U);
  const auto json = send(head + "Content-Type: application/json\r\nContent-Length: 11\r\n", "fake-secret");
  EXPECT_EQ(json.status, 400U);
  EXPECT_THAT(json.body, Not(HasSubstr("fake-secret")));
  EXPECT_THAT(json.body, HasSubstr("application/octet-stream"));
  EXPECT_EQ(upload("fake-secret", "", "none").status, 404U);
  EXPECT_EQ(upload("fake-secret", "Content-Encoding: gzip\r\n").status, 400U);
  EXPECT_TRUE(registry().secrets.empty());
}

TEST_F(AdminResourcesTest, LeavesNoSecretInTheArena) {
  upload("fake-secret");
  const std::size_t before = arena().usage().in_use;
  upload(std::string(60'000, 's'));
  upload(std::string(60'000, 's'), "If-Match: \"1\"\r\n");
  call("POST", "/api/v1/api_keys", R"({"principal":"rita"})");
  EXPECT_EQ(arena().usage().in_use, before);
}

// --- Apply ---

TEST_F(AdminResourcesTest, AppliesAllOrNothing) {
  const auto made = call(
      "POST", "/api/v1/apply",
      R"({"resources":[{"kind":"principal","name":"bob"},{"kind":"grant","name":"bob:api","principal":"bob","upstream":"api"}]})");
  EXPECT_EQ(made.status, 200U) << made.body;
  EXPECT_THAT(made.body,
              StartsWith(R"({"results":[{"kind":"principal","name":"bob","effect":"created","revision":)"));
  EXPECT_TRUE(base::parse_json(made.body, "").has_value()) << made.body;
  const auto bad =
      call("POST", "/api/v1/apply",
           R"({"resources":[{"kind":"principal","name":"carl"},{"kind":"principal","nmae":"x"}]})");
  EXPECT_EQ(bad.status, 400U);
  EXPECT_THAT(bad.body, HasSubstr("#2: "));
  EXPECT_EQ(call("GET", "/api/v1/principals/carl").status, 404U);
}

TEST_F(AdminResourcesTest, AppliesDryWithoutWriting) {
  const std::string body = R"({"resources":[{"kind":"principal","name":"bob"}]})";
  EXPECT_THAT(call("POST", "/api/v1/apply?dry_run=true", body).body, HasSubstr(R"("effect":"created")"));
  EXPECT_TRUE(registry().seen.back().dry_run);
  EXPECT_EQ(call("GET", "/api/v1/principals/bob").status, 404U);
  EXPECT_EQ(call("POST", "/api/v1/apply?dry_run=false", body).status, 200U);
  EXPECT_EQ(call("GET", "/api/v1/principals/bob").status, 200U);
}

TEST_F(AdminResourcesTest, RefusesAppliesByTheNumberOfWhatIsWrong) {
  struct Case {
    const char* body;
    const char* why;
  };
  constexpr Case kCases[] = {
      {R"({"resources":[{"kind":"principal","name":"a"},{"name":"b"}]})", "#2: 'kind' is missing"},
      {R"({"resources":[{"kind":"principals","name":"b"}]})", "#1: kind: one of"},
      {R"({"resources":[{"kind":"thing","name":"b"}]})", "#1: kind: one of"},
      {R"({"resources":[1]})", "#1: 'kind' is missing"},
      {R"({"resources":{}})", "a list of at most 10000"},
      {R"({"resource":[]})", "'resources' is missing"},
      {R"({"resources":[],"force":true})", "unknown key 'force'"},
      {R"([])", "body: a map expected"},
  };
  for (const Case& each : kCases) {
    const auto answer = call("POST", "/api/v1/apply", each.body);
    EXPECT_EQ(answer.status, 400U) << each.body;
    EXPECT_THAT(answer.body, HasSubstr(each.why)) << each.body;
  }
  std::string many = R"({"resources":[)";
  for (int i = 0; i <= 10'000; ++i) many += i == 0 ? "{}" : ",{}";
  EXPECT_EQ(call("POST", "/api/v1/apply", many + "]}").status, 400U);
  EXPECT_TRUE(registry().seen.empty());
}

TEST_F(AdminResourcesTest, TakesTenThousandResourcesAtOnce) {
  std::string many = R"({"resources":[)";
  for (int i = 0; i < 10'000; ++i)
    many += (i == 0 ? "" : ",") + (R"({"kind":"principal","name":"p)" + std::to_string(i) +
                                   R"(","roles":["a","b","c"],"type":"service"})");
  EXPECT_EQ(call("POST", "/api/v1/apply?dry_run=true", many + "]}").status, 200U);
}

// --- What the registry says ---

TEST_F(AdminResourcesTest, SaysWhatTheRegistrySaid) {
  struct Case {
    Error error;
    unsigned status;
    const char* code;
  };
  const Case cases[] = {
      {Error(Code::kInvalid, Blame::kCaller, "grant 'x': no such upstream"), 400, "bad_request"},
      {Error(Code::kConflict, Blame::kCaller, "grant 'x' is needed by others"), 409, "conflict"},
      {Error(Code::kNoResource, Blame::kCaller, "there is no grant 'x'"), 404, "not_found"},
      {Error(Code::kUnavailable, Blame::kOperator, "the store cannot be written: No space left on device"),
       503, "unavailable"},
      {Error(Code::kInternal, Blame::kGateway, "a record cannot be read"), 503, "unavailable"},
  };
  for (const Case& each : cases) {
    registry().fail_next(each.error);
    const auto answer = call("PUT", "/api/v1/principals/nora", "{}");
    EXPECT_EQ(answer.status, each.status);
    EXPECT_EQ(answer.field("X-Claviger-Error"), each.code);
    EXPECT_THAT(answer.body, HasSubstr(std::string(each.error.what()))) << "operators are told";
    EXPECT_EQ(answer.field("Retry-After") != "", each.status == 503U);
  }
}

TEST_F(AdminResourcesTest, PassesWarningsOn) {
  registry().warnings = {"credential 'api-main' is unbound:\r\nset its secret again"};
  const auto answer = call("PUT", "/api/v1/principals/nora", "{}");
  EXPECT_EQ(answer.field("X-Claviger-Warning"), "credential 'api-main' is unbound:??set its secret again");
  const auto applied = call("POST", "/api/v1/apply", R"({"resources":[{"kind":"principal","name":"nora"}]})");
  EXPECT_THAT(applied.body, HasSubstr(R"("warnings":["credential 'api-main' is unbound:\u000d\u000aset)"));
}

}  // namespace
}  // namespace claviger::doors
