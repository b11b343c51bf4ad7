// SPDX-License-Identifier: Apache-2.0
#include "doors/admin/admin_door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/json.h"
#include "doors/testing/admin_stand.h"
#include "gateway/refusals.h"
#include "identity/api_key.h"

namespace claviger::doors {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct AdminDoorTest : ::testing::Test, testing::AdminStand {};

// --- Who may do what ---

struct Right {
  const char* method;
  const char* target;
  const char* body;
  unsigned reader;  // status for a principal with `management: read`
};
constexpr Right kRights[] = {
    {"GET", "/api/v1/upstreams", "", 200},
    {"HEAD", "/api/v1/upstreams", "", 200},
    {"GET", "/api/v1/principals/alice", "", 200},
    {"GET", "/api/v1/explain?principal=alice&method=GET&url=/api/v1/x", "", 200},
    {"GET", "/api/v1/audit/events?last=1", "", 200},
    {"GET", "/api/v1/audit/checkpoint", "", 404},
    {"GET", "/api/v1/audit/pseudonym?address=::1", "", 403},
    {"GET", "/api/v1/status", "", 200},
    {"POST", "/api/v1/principals", R"({"name":"bob"})", 403},
    {"POST", "/api/v1/api_keys", R"({"principal":"alice"})", 403},
    {"PUT", "/api/v1/principals/bob", R"({})", 403},
    {"DELETE", "/api/v1/principals/nora", "", 403},
    {"POST", "/api/v1/principals/nora/disable", "", 403},
    {"POST", "/api/v1/principals/nora/enable", "", 403},
    {"POST", "/api/v1/credentials/api-main/enable", "", 403},
    {"POST", "/api/v1/credentials/api-main/disable", "", 403},
    {"POST", "/api/v1/credentials/api-main/revoke", "", 403},
    {"PUT", "/api/v1/credentials/api-main/secret", "fake-secret", 403},
    {"POST", "/api/v1/api_keys/fake0000/revoke", "", 403},
    {"POST", "/api/v1/apply", R"({"resources":[]})", 403},
};

std::string request(const Right& right, std::string_view key) {
  std::string head = std::string(right.method) + " " + right.target + " HTTP/1.1\r\n";
  if (!key.empty()) head += "Authorization: Bearer " + std::string(key) + "\r\n";
  if (*right.body != 0)
    head += "Content-Type: application/json\r\nContent-Length: " + std::to_string(std::strlen(right.body)) +
            "\r\n";
  return head;
}

TEST_F(AdminDoorTest, LetsReadersReadAndNothingElse) {
  for (const Right& right : kRights) {
    const auto answer = send(request(right, "$READ"), right.body);
    EXPECT_EQ(answer.status, right.reader) << right.method << " " << right.target;
  }
  EXPECT_TRUE(registry().seen.empty());
}

TEST_F(AdminDoorTest, AsksEveryCallOfTheApiForAKey) {
  for (const Right& right : kRights) {
    const auto answer = send(request(right, ""), right.body);
    EXPECT_EQ(answer.status, 401U) << right.method << " " << right.target;
    EXPECT_EQ(answer.field("WWW-Authenticate"), "Bearer realm=\"claviger\"");
    EXPECT_EQ(answer.field("X-Claviger-Error"), "unauthenticated");
  }
  EXPECT_TRUE(registry().seen.empty());
}

TEST_F(AdminDoorTest, GivesPrincipalsWithoutRightsNothing) {
  const std::string key = make_key("nora");
  for (const Right& right : kRights)
    EXPECT_EQ(send(request(right, key), right.body).status, 403U) << right.method << " " << right.target;
  EXPECT_EQ(send("GET /api/v1/nothing HTTP/1.1\r\nX-API-Key: " + key + "\r\n").status, 403U);
}

TEST_F(AdminDoorTest, TellsStrangersNothingOfWhatIsThere) {
  for (const char* target :
       {"/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v1/grants/none", "/api/v2/grants"})
    EXPECT_EQ(send(std::string("GET ") + target + " HTTP/1.1\r\n").status, 401U) << target;
  EXPECT_EQ(send("PATCH /api/v1/grants HTTP/1.1\r\n").status, 401U);
}

TEST_F(AdminDoorTest, TakesKeysInTwoFieldsOnly) {
  const std::string get = "GET /api/v1/status HTTP/1.1\r\n";
  EXPECT_EQ(send(get + "X-API-Key: $KEY\r\n").status, 200U);
  EXPECT_EQ(send(get + "Authorization: Bearer $KEY\r\n").status, 200U);
  EXPECT_EQ(send(get + "authorization: bearer $KEY\r\nx-api-key: $KEY\r\n").status, 200U);
  EXPECT_EQ(send(get + "X-API-Key: $KEY\r\nAuthorization: Bearer $READ\r\n").status, 400U);
  EXPECT_EQ(send(get + "X-API-Key: $KEY\r\nX-API-Key: $KEY\r\n").status, 400U);
  EXPECT_EQ(send(get + "x-goog-api-key: $KEY\r\n").status, 401U);
  EXPECT_EQ(send(get + "X-API-Key: $KEY\r\nx-goog-api-key: $KEY\r\n").status, 401U);
  EXPECT_EQ(send(get + "Authorization: Basic YTpi\r\n").status, 401U);
  EXPECT_EQ(send(get + "Authorization: bAsIc YTpi\r\nX-API-Key: $KEY\r\n").status, 401U);
  EXPECT_EQ(send(get + "Authorization: Negotiate abc\r\n").status, 401U);
  EXPECT_EQ(
      send(get + "Authorization: AWS4-HMAC-SHA256 Credential=$KEY/20260101/fake, Signature=0\r\n").status,
      401U);
  EXPECT_EQ(send(get + "Authorization: Bearer\r\n").status, 400U);
  EXPECT_EQ(send(get + "Cookie: key=$KEY\r\n").status, 401U);
  EXPECT_EQ(send("GET /api/v1/status?key=$KEY HTTP/1.1\r\nX-API-Key: $KEY\r\n").status, 400U);
  EXPECT_EQ(send("GET /api/v1/api_keys/$KEY HTTP/1.1\r\nX-API-Key: $KEY\r\n").status, 400U);
  for (const std::string& record : records) EXPECT_THAT(record, Not(HasSubstr("clv_")));
}

TEST_F(AdminDoorTest, RefusesKeysThatAreWrongInAnyWayWithOneAnswer) {
  const auto ask = [&](const std::string& key, std::string_view from = "192.0.2.7:5000") {
    return send("GET /api/v1/status HTTP/1.1\r\nX-API-Key: " + key + "\r\n", "", from);
  };
  const std::string bound = make_key("alice", R"("cidrs":["10.0.0.0/8"])");
  EXPECT_EQ(ask(bound, "10.1.2.3:99").status, 200U);
  const std::string expired = make_key("alice", R"("expires":"2001-01-01T00:00:00Z")");
  const std::string disabled = make_key("dora");
  const std::string revoked = make_key("alice");
  ASSERT_EQ(call("POST", "/api/v1/api_keys/" + revoked.substr(4, 8) + "/revoke").status, 200U);
  const identity::NewApiKey unknown = *identity::generate_api_key(arena());
  for (const std::string& key :
       {bound, expired, disabled, revoked, std::string(unknown.text.reveal_text())}) {
    const auto answer = ask(key);
    EXPECT_EQ(answer.status, 401U);
    EXPECT_THAT(answer.body,
                HasSubstr("the API key is not known, has expired, or may not be used from this address"));
  }
  // Somebody who knows an id, which is public, and makes up the rest: right in form, and not what the hash is of.
  const identity::NewApiKey forged = *identity::generate_api_key(arena());
  registry().put(R"({"kind":"api_key","name":")" + forged.id + R"(","principal":"alice","hash":"sha256:)" +
                 std::string(64, 'a') + "\"}");
  EXPECT_EQ(ask(std::string(forged.text.reveal_text())).status, 401U);
  std::string mistyped = revoked;
  mistyped[20] = mistyped[20] == 'a' ? 'b' : 'a';
  EXPECT_EQ(ask(mistyped).status, 401U);
}

TEST_F(AdminDoorTest, RefusesPagesOfOtherSites) {
  const std::string get = "GET /api/v1/status HTTP/1.1\r\nX-API-Key: $KEY\r\nSec-Fetch-Site: ";
  EXPECT_EQ(send(get + "cross-site\r\n").status, 403U);
  EXPECT_EQ(send(get + "same-site\r\n").status, 403U);
  EXPECT_EQ(send(get + "same-origin\r\n").status, 200U);
  EXPECT_EQ(send(get + "none\r\n").status, 200U);
  EXPECT_EQ(send(get + "same-origin\r\nSec-Fetch-Site: cross-site\r\n").status, 403U);
  const auto answer = send(get + "same-origin\r\nOrigin: https://evil.example\r\n");
  EXPECT_EQ(answer.field("Access-Control-Allow-Origin"), "");
}

// --- Rate ---

TEST_F(AdminDoorTest, LimitsEachPrincipalAtEachAddress) {
  AdminServices few = services();
  few.rate = {3, std::chrono::seconds(3600)};
  reopen(std::move(few));
  const std::string get = "GET /api/v1/status HTTP/1.1\r\nX-API-Key: $KEY\r\n";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(get).status, 200U);
  const auto answer = send(get);
  EXPECT_EQ(answer.status, 429U);
  EXPECT_NE(answer.field("Retry-After"), "");
  EXPECT_THAT(answer.field("RateLimit-Policy"), HasSubstr("q=3;w=3600"));
  EXPECT_EQ(
      send("PUT /api/v1/credentials/api-main/secret HTTP/1.1\r\nX-API-Key: $KEY\r\nContent-Length: 9\r\n")
          .status,
      429U);
  EXPECT_EQ(send(get, "", "192.0.2.8:1").status, 200U) << "another address";
  for (const char* target : {"/healthz", "/readyz", "/metrics"})
    EXPECT_EQ(send(std::string("GET ") + target + " HTTP/1.1\r\n").status, 200U)
        << "probes are never limited";
}

TEST_F(AdminDoorTest, ChargesFailuresMoreAndToTheAddress) {
  AdminServices few = services();
  few.rate = {10, std::chrono::seconds(3600)};
  reopen(std::move(few));
  for (const unsigned status : {401U, 401U, 429U})
    EXPECT_EQ(send("GET /api/v1/status HTTP/1.1\r\n").status, status);
  EXPECT_EQ(send("GET /nothing HTTP/1.1\r\n").status, 429U);
  EXPECT_EQ(send("GET /.well-known/security.txt HTTP/1.1\r\n").status, 429U);
  EXPECT_EQ(send("GET /api/v1/status HTTP/1.1\r\nX-API-Key: $KEY\r\n").status, 200U)
      << "nobody is locked out by what others send from his address";
}

TEST_F(AdminDoorTest, RefusesAnEmptyListOfAddressesForANewKey) {
  const auto answer = call("POST", "/api/v1/api_keys", R"({"principal":"ci","cidrs":[]})");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_THAT(answer.body, HasSubstr("cidrs"));
}

// --- Paths and methods ---

TEST_F(AdminDoorTest, KnowsItsPathsAndTheirMethods) {
  struct Case {
    const char* method;
    const char* target;
    unsigned status;
    const char* allow;
  };
  constexpr Case kCases[] = {
      {"GET", "/", 404, ""},
      {"GET", "/api", 404, ""},
      {"GET", "/api/v1", 404, ""},
      {"GET", "/api/v1/", 404, ""},
      {"GET", "/api/v1/grant", 404, ""},
      {"GET", "/api/v1/api-keys", 404, ""},
      {"GET", "/api/v2/grants", 404, ""},
      {"GET", "/api/v1/grants/a/b", 404, ""},
      {"POST", "/api/v1/grants/alice:api/enable", 404, ""},
      {"POST", "/api/v1/principals/nora/revoke", 404, ""},
      {"PUT", "/api/v1/api_keys/fake0000/secret", 404, ""},
      {"GET", "/api/v1/audit", 404, ""},
      {"GET", "/API/v1/grants", 404, ""},
      {"DELETE", "/api/v1/grants", 405, "GET, HEAD, POST"},
      {"PATCH", "/api/v1/grants/alice:api", 405, "GET, HEAD, PUT, DELETE"},
      {"OPTIONS", "/api/v1/grants", 405, "GET, HEAD, POST"},
      {"TRACE", "/api/v1/grants", 405, "GET, HEAD, POST"},
      {"GET", "/api/v1/apply", 405, "POST"},
      {"POST", "/api/v1/status", 405, "GET, HEAD"},
      {"GET", "/api/v1/credentials/api-main/secret", 405, "PUT"},
      {"GET", "/api/v1/principals/nora/enable", 405, "POST"},
      {"POST", "/healthz", 405, "GET, HEAD"},
      {"DELETE", "/metrics", 405, "GET, HEAD"},
      {"GET", "/api/v1//grants", 400, ""},
      {"GET", "/api/v1/../v1/grants", 400, ""},
      {"GET", "/metrics/../metrics", 400, ""},
      {"GET", "/api/v1/grants/", 400, ""},
      {"GET", "/api/v1/grants/Alice", 400, ""},
      {"GET", "/api/v1/grants/a:", 400, ""},
      {"GET", "/api/v1/grants/:a", 400, ""},
      {"GET", "/api/v1/grants/a:b:c:d:e", 400, ""},
      {"GET", "/api/v1/grants/a%3a", 400, ""},
      {"GET", "/api/v1/grants/a%2Fb", 400, ""},
      {"GET", "/api/v1/grants/a%00", 400, ""},
      {"GET", "/api/v1/upstreams/a:b", 400, ""},
      {"GET", "/api/v1/principals/alice%20", 400, ""},
      {"GET", "/api/v1/grants/alice%3Aapi", 200, ""},
      {"GET", "/api/v1/grants/alice:api", 200, ""},
      {"GET", "/api/v1/grants/none", 404, ""},
      {"GET", "/api/v1/grants/principals", 404, ""},
  };
  for (const Case& each : kCases) {
    const auto answer = call(each.method, each.target);
    EXPECT_EQ(answer.status, each.status) << each.method << " " << each.target << "\n" << answer.body;
    EXPECT_EQ(answer.field("Allow"), each.allow) << each.method << " " << each.target;
    if (answer.status >= 400) {
      EXPECT_EQ(answer.field("Content-Type"), "application/problem+json") << each.target;
    }
  }
  EXPECT_TRUE(registry().seen.empty());
}

TEST_F(AdminDoorTest, PutsTheSameFieldsOnEveryAnswer) {
  for (const char* target : {"/api/v1/status", "/healthz", "/api/v1/none", "/.well-known/security.txt"}) {
    const auto answer = call("GET", target);
    EXPECT_EQ(answer.field("X-Request-Id").size(), 32U) << target;
    EXPECT_EQ(answer.field("Cache-Control"), "no-store") << target;
    EXPECT_EQ(answer.field("X-Content-Type-Options"), "nosniff") << target;
    EXPECT_EQ(answer.field("Content-Length"), std::to_string(answer.body.size())) << target;
    EXPECT_EQ(answer.field("Connection"), "close") << target;
  }
}

TEST_F(AdminDoorTest, AnswersHeadAsGetWithoutABody) {
  const auto get = call("GET", "/api/v1/principals/alice");
  const auto head = call("HEAD", "/api/v1/principals/alice");
  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.field("Content-Length"), get.field("Content-Length"));
  EXPECT_EQ(head.field("ETag"), get.field("ETag"));
  EXPECT_EQ(call("HEAD", "/api/v1/none").body, "");
}

TEST_F(AdminDoorTest, RefusesQueriesItDoesNotKnow) {
  for (const char* target : {"/api/v1/grants?x=1",
                             "/api/v1/grants?limit",
                             "/api/v1/grants?limit=1&limit=2",
                             "/api/v1/grants?=1",
                             "/api/v1/grants?&",
                             "/api/v1/grants?limit=0",
                             "/api/v1/grants?limit=1001",
                             "/api/v1/grants?limit=01",
                             "/api/v1/grants?limit=-1",
                             "/api/v1/grants?limit=1%",
                             "/api/v1/grants?cursor=%f",
                             "/api/v1/grants?cursor=%ff",
                             "/api/v1/grants?cursor=a+b",
                             "/api/v1/grants?cursor=%00",
                             "/api/v1/grants?cursor=%0A",
                             "/api/v1/status?verbose=true",
                             "/api/v1/principals/alice?x=1",
                             "/api/v1/audit/events?last=0",
                             "/api/v1/audit/events?last=1001",
                             "/api/v1/audit/events?last=1&from=0:0:0",
                             "/api/v1/audit/events?from=-1",
                             "/api/v1/audit/events?from=16",
                             "/api/v1/audit/events?from=1:0:0",
                             "/api/v1/audit/events?from=18446744073709551616:0:1",
                             "/api/v1/audit/checkpoint?x=1",
                             "/api/v1/explain?principal=alice&method=GET",
                             "/api/v1/explain?principal=&method=GET&url=/",
                             "/api/v1/explain?principal=alice&method=G%20T&url=/",
                             "/api/v1/explain?principal=alice&method=GET&url=/api?k=clv%5Ffake0000%5Fxxx"}) {
    EXPECT_EQ(call("GET", target).status, 400U) << target;
  }
  EXPECT_THAT(call("GET", "/api/v1/grants?x=1").body, HasSubstr("unknown query parameter 'x'"));
  EXPECT_EQ(call("GET", "/api/v1/grants?").status, 200U);
  EXPECT_EQ(call("POST", "/api/v1/apply?dry_run=1", R"({"resources":[]})").status, 400U);
  EXPECT_EQ(call("POST", "/api/v1/principals/nora/disable?force=true").status, 400U);
}

TEST_F(AdminDoorTest, RefusesMalformedHeadsAsEverywhere) {
  const auto answer = send("GET /x HTTP/1.1\r\nHost: twice\r\n");
  EXPECT_EQ(answer.status, 400U);
  EXPECT_EQ(answer.field("X-Claviger-Error"), "bad_request");
}

TEST_F(AdminDoorTest, HasNoManagementWithoutAStore) {
  AdminServices sidecar = services();
  sidecar.registry = nullptr;
  reopen(std::move(sidecar));
  const auto answer = call("GET", "/api/v1/status");
  EXPECT_EQ(answer.status, 404U);
  EXPECT_THAT(answer.body, HasSubstr("side-car mode"));
  EXPECT_EQ(send("GET /healthz HTTP/1.1\r\n").status, 200U);
}

TEST_F(AdminDoorTest, RecordsCallsButNoProbes) {
  send("GET /healthz HTTP/1.1\r\n");
  call("POST", "/api/v1/principals/nora/disable");
  send("GET /api/v1/status HTTP/1.1\r\n");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_THAT(records[0], StartsWith("alice "));
  EXPECT_THAT(records[0], HasSubstr(" POST /api/v1/principals/nora/disable 200"));
  EXPECT_EQ(records[1], "  GET /api/v1/status 401");
}

// --- Probes ---

TEST_F(AdminDoorTest, RecordsLogInsThatFailOneByOneAndThenCountsThem) {
  for (std::uint32_t i = 0; i < gateway::Refusals::kBurst + 3; ++i)
    EXPECT_EQ(send("GET /api/v1/status HTTP/1.1\r\nX-API-Key: clv_nonsense\r\n").status, 401U);
  ASSERT_EQ(events.size(), gateway::Refusals::kBurst);
  EXPECT_THAT(events[0], HasSubstr(R"("type":"login.failed","request_id":")"));
  EXPECT_THAT(events[0], HasSubstr(R"("address":"192.0.2.7","code":"unauthenticated","rule":"key_form"})"));
  door().report_refusals(loop().now(), loop().wall_now());
  EXPECT_EQ(events.size(), gateway::Refusals::kBurst);
  door().report_all_refusals(loop().wall_now());
  EXPECT_THAT(events.back(), HasSubstr(R"("type":"logins.failed","count":3,"codes":{"unauthenticated":3})"));
  EXPECT_EQ(call("GET", "/api/v1/status").status, 200U);
  EXPECT_EQ(events.size(), gateway::Refusals::kBurst + 1);
}

TEST_F(AdminDoorTest, TellsAdminsAPseudonymAndRecordsThatItDid) {
  const auto answer = call("GET", "/api/v1/audit/pseudonym?address=2001:DB8::1");
  EXPECT_EQ(answer.body, "{\"address\":\"2001:db8::1\",\"pseudonym\":\"p-of-2001:db8::1\"}\n");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_THAT(events[0], HasSubstr(R"("type":"audit.pseudonym_shown","actor":"alice")"));
  EXPECT_THAT(events[0], HasSubstr(R"("pseudonym":"p-of-2001:db8::1"})"));
  EXPECT_EQ(call("GET", "/api/v1/audit/pseudonym?address=somewhere").status, 400U);
  EXPECT_EQ(call("GET", "/api/v1/audit/pseudonym").status, 400U);
  EXPECT_EQ(send("GET /api/v1/audit/pseudonym?address=::1 HTTP/1.1\r\nX-API-Key: $READ\r\n").status, 403U);
}

TEST_F(AdminDoorTest, AnswersProbesWithoutAKey) {
  EXPECT_EQ(send("GET /healthz HTTP/1.1\r\n").body, "ok\n");
  EXPECT_EQ(send("GET /readyz HTTP/1.1\r\n").body, "ready\n");
  const auto metrics = send("GET /metrics HTTP/1.1\r\n");
  EXPECT_EQ(metrics.body, "claviger_requests_total 1\n");
  EXPECT_THAT(metrics.field("Content-Type"), StartsWith("text/plain; version=0.0.4"));
  readiness = {false, "the audit log cannot be written"};
  const auto ready = send("GET /readyz HTTP/1.1\r\n");
  EXPECT_EQ(ready.status, 503U);
  EXPECT_EQ(ready.body, "not ready: the audit log cannot be written\n");
  EXPECT_EQ(send("GET /healthz HTTP/1.1\r\n").status, 200U) << "it serves, even when it takes no calls";
}

TEST_F(AdminDoorTest, NamesTheSecurityContact) {
  const auto answer = send("GET /.well-known/security.txt HTTP/1.1\r\n");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_THAT(answer.body, StartsWith("Contact: mailto:security@example.com\nExpires: 20"));
  EXPECT_THAT(answer.body, HasSubstr("T00:00:00.000Z\nPreferred-Languages: en\n"));
  AdminServices none = services();
  none.security_contact.clear();
  reopen(std::move(none));
  EXPECT_EQ(send("GET /.well-known/security.txt HTTP/1.1\r\n").status, 404U);
}

// --- What looks inside ---

TEST_F(AdminDoorTest, TellsTheStatus) {
  registry().shown_notices = {{"credential", "api-main", "its secret is \"missing\""}};
  readiness = {false, "draining"};
  const auto answer = call("GET", "/api/v1/status");
  EXPECT_EQ(answer.field("Content-Type"), "application/json");
  const auto status = base::parse_json(answer.body, "");
  ASSERT_TRUE(status.has_value()) << answer.body;
  EXPECT_THAT(answer.body, StartsWith(R"({"version":"1.2.3-test","revision":)"));
  EXPECT_THAT(answer.body, HasSubstr(R"("ready":false,"why_not":"draining")"));
  EXPECT_THAT(answer.body,
              HasSubstr(R"({"kind":"credential","name":"api-main","what":"its secret is \"missing\""})"));
  EXPECT_THAT(
      answer.body,
      HasSubstr(
          R"("audit":{"size":7,"checkpointed":5,"queued":2,"lag_ms":3,"failing":false,"failure":"","first_event":0,"segments":0,"bytes":0,"free_bytes":0,"low_on_space":false,"upkeep_failure":""})"));
  EXPECT_THAT(answer.body, HasSubstr(R"("master_key_id":"fake-master-key-id"})"));
}

TEST_F(AdminDoorTest, ExplainsDecisions) {
  const auto yes = call("GET", "/api/v1/explain?principal=alice&method=GET&url=/api/v1/x");
  EXPECT_THAT(yes.body, StartsWith(R"({"allowed":true,"upstream":"api","grant":"alice:api","reason":")"));
  const auto no =
      call("GET", "/api/v1/explain?principal=alice&method=DELETE&url=https%3A%2F%2Fgw%2Fapi%2Fv1%2Fx");
  EXPECT_THAT(no.body, StartsWith(R"({"allowed":false,)"));
}

TEST_F(AdminDoorTest, ShowsTheAuditLogAsItIs) {
  const auto last = call("GET", "/api/v1/audit/events?last=2");
  EXPECT_EQ(last.body, "{\"v\":1}\n{\"v\":2}\n");
  EXPECT_EQ(last.field("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(last.field("X-Claviger-Next"), "9:7:16");
  EXPECT_EQ(asked_last, 2U);
  call("GET", "/api/v1/audit/events?from=9:7:16");
  EXPECT_EQ(asked_from, (audit::LogPlace{9, 7, 16}));
  call("GET", "/api/v1/audit/events");
  EXPECT_EQ(asked_last, 100U);
  piece = audit::LogPiece{.lines = std::string(std::size_t{8} << 20, 'x')};
  EXPECT_EQ(call("GET", "/api/v1/audit/events").body.size(), std::size_t{8} << 20);
  piece = Error(Code::kIo, Blame::kOperator, "cannot read the log: Input/output error");
  const auto failed = call("GET", "/api/v1/audit/events");
  EXPECT_EQ(failed.status, 503U);
  EXPECT_THAT(failed.body, HasSubstr("Input/output error")) << "operators are told";
  piece = Error(Code::kNotFound, Blame::kCaller, "it is kept from event 9 on");
  const auto pruned = call("GET", "/api/v1/audit/events?from=1:0:8");
  EXPECT_EQ(pruned.status, 404U);
  EXPECT_THAT(pruned.body, HasSubstr("kept from event 9 on"));
  piece = Error(Code::kInvalid, Blame::kCaller, "no line of the audit log begins there");
  EXPECT_EQ(call("GET", "/api/v1/audit/events?from=1:0:3").status, 400U);
}

TEST_F(AdminDoorTest, SearchesTheAuditLogPageByPage) {
  const auto first =
      call("GET", "/api/v1/audit/search?principal=ci,alice&status=5xx&from=2026-01-01T00:00:00Z&limit=7");
  EXPECT_EQ(first.status, 200U);
  EXPECT_EQ(first.body, "{\"v\":1}\n");
  EXPECT_EQ(first.field("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(first.field("X-Claviger-Next"), "9:7:16");
  EXPECT_EQ(first.field("X-Claviger-Remaining"), "4");
  EXPECT_EQ(first.field("X-Claviger-Unreadable"), "");
  EXPECT_EQ(asked_search.most, 7U);
  EXPECT_EQ(asked_search.order, audit::Order::kNewestFirst);
  EXPECT_EQ(asked_search.filter.from(), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(asked_search.filter.values(audit::Term::kPrincipal), (std::vector<std::string>{"ci", "alice"}));
  EXPECT_FALSE(asked_search.at);
  EXPECT_TRUE(asked_search.use_index);
  found->unreadable = 2;
  EXPECT_EQ(
      call("GET", "/api/v1/audit/search?at=9:7:16&order=oldest&index=false").field("X-Claviger-Unreadable"),
      "2");
  EXPECT_EQ(asked_search.at, (audit::LogPlace{9, 7, 16}));
  EXPECT_EQ(asked_search.order, audit::Order::kOldestFirst);
  EXPECT_FALSE(asked_search.use_index);
  EXPECT_TRUE(asked_search.filter.is_empty());
}

TEST_F(AdminDoorTest, RefusesSearchesThatItDoesNotUnderstand) {
  for (const char* query :
       {"status=teapot", "from=yesterday", "from=2h", "principal=", "principal=a%22b", "limit=0",
        "limit=1001", "order=random", "at=16", "index=1", "path=/x", "principal=a&principal=b"}) {
    const auto answer = call("GET", std::string("/api/v1/audit/search?") + query);
    EXPECT_EQ(answer.status, 400U) << query << answer.body;
  }
  EXPECT_EQ(send("GET /api/v1/audit/search HTTP/1.1\r\nHost: gw\r\n\r\n").status, 401U);
  EXPECT_EQ(call("POST", "/api/v1/audit/search", "{}").status, 405U);
  found = Error(Code::kNotFound, Blame::kCaller, "it is kept from event 9 on");
  EXPECT_EQ(call("GET", "/api/v1/audit/search?at=1:0:8").status, 404U);
  found = Error(Code::kInvalid, Blame::kCaller, "no line of the audit log begins there");
  EXPECT_EQ(call("GET", "/api/v1/audit/search?at=1:0:3").status, 400U);
}

TEST_F(AdminDoorTest, ShowsTheLastCheckpoint) {
  EXPECT_EQ(call("GET", "/api/v1/audit/checkpoint").status, 404U);
  checkpoint = "claviger/test\n5\nAAAA\n\n\xe2\x80\x94 claviger/test BBBB\n";
  const auto answer = call("GET", "/api/v1/audit/checkpoint");
  EXPECT_EQ(answer.body, *checkpoint);
  EXPECT_EQ(answer.field("X-Claviger-Key"), "claviger/test+0000fake+AAAA");
}

}  // namespace
}  // namespace claviger::doors
