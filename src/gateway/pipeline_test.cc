// SPDX-License-Identifier: Apache-2.0
#include "gateway/pipeline.h"

#include <gtest/gtest.h>

#include "gateway/testing/stand.h"

namespace claviger::gateway {
namespace {

struct PipelineTest : ::testing::Test {
  testing::Stand stand;

  Code refusal(const std::string& text) {
    Call call = stand.call(text);
    const auto outcome = stand.run(call);
    EXPECT_FALSE(outcome.has_value()) << text;
    return outcome.has_value() ? Code::kInternal : outcome.error().code();
  }
  static std::string get(const std::string& target,
                         const std::string& fields = "Authorization: Bearer $KEY\r\n") {
    return "GET " + target + " HTTP/1.1\r\nHost: gw\r\n" + fields + "\r\n";
  }
  std::string sent(const std::string& text) {
    Call call = stand.call(text);
    const auto outcome = stand.run(call);
    EXPECT_TRUE(outcome.has_value()) << text << outcome.error().what();
    return outcome.has_value() ? stand.outgoing(call) : "";
  }
};

TEST_F(PipelineTest, RunsItsStagesInTheOrderThatIsDocumented) {
  std::string order;
  for (const Stage& stage : all_stages()) order += std::string(stage.name) + " ";
  EXPECT_EQ(order, "limit_address normalize authenticate resolve authorize limit strip attach ");
}

TEST_F(PipelineTest, AllowsWhatAGrantAllowsAndFindsOutWho) {
  Call call = stand.call(get("/api/v1/models"));
  ASSERT_TRUE(stand.run(call).has_value());
  EXPECT_EQ(call.principal->name, "alice");
  EXPECT_EQ(call.grant->name, "main");
  EXPECT_EQ(call.rest, "/v1/models");
  EXPECT_EQ(call.credential->credential->name(), "api-main");
}

TEST_F(PipelineTest, RefusesByDefault) {
  EXPECT_EQ(refusal(get("/api/v2/models")), Code::kDenied);
  EXPECT_EQ(refusal("DELETE /api/v1/models HTTP/1.1\r\nHost: gw\r\nX-API-Key: $KEY\r\n\r\n"), Code::kDenied);
  EXPECT_EQ(refusal("TRACE /legacy/x HTTP/1.1\r\nHost: gw\r\nX-API-Key: $KEY\r\n\r\n"), Code::kDenied);
  EXPECT_EQ(refusal(get("/other/v1/models")), Code::kNoUpstream);
  EXPECT_EQ(refusal(get("/")), Code::kNoUpstream);
  EXPECT_EQ(refusal(get("/apix/v1/models")), Code::kNoUpstream);
}

TEST_F(PipelineTest, TellsAStrangerNothingOfWhatThereIs) {
  EXPECT_EQ(refusal(get("/api/v1/models", "")), Code::kUnauthenticated);
  EXPECT_EQ(refusal(get("/nowhere", "")), Code::kUnauthenticated);
}

TEST_F(PipelineTest, RefusesAKeyThatDiffersInOneByte) {
  std::string key(stand.api_key());
  key[20] = key[20] == 'a' ? 'b' : 'a';
  EXPECT_EQ(refusal(get("/api/v1/models", "Authorization: Bearer " + key + "\r\n")), Code::kUnauthenticated);
}

TEST_F(PipelineTest, RefusesAnApiKeyInTheUrl) {
  EXPECT_EQ(refusal(get("/legacy/x?key=$KEY", "X-API-Key: fake\r\n")), Code::kBadRequest);
}

TEST_F(PipelineTest, RefusesAPathThatIsNotCanonical) {
  for (const char* target : {"/api/v1/../admin", "/api/v1/%2e%2e/admin", "/api//v1/x", "/api/v1/%41",
                             "/api/v1/x\\y", "/api/v1/%252e", "/api/v1/a%2Fb"})
    EXPECT_EQ(refusal(get(target)), Code::kBadRequest) << target;
}

TEST_F(PipelineTest, RefusesFieldsThatOverrideTheMethodOrThePath) {
  for (const char* field : {"X-HTTP-Method-Override: DELETE", "x_http_method: PUT", "X-Original-URL: /admin",
                            "X-Rewrite-Url: /admin"})
    EXPECT_EQ(refusal(get("/api/v1/x", "X-API-Key: $KEY\r\n" + std::string(field) + "\r\n")),
              Code::kBadRequest)
        << field;
}

TEST_F(PipelineTest, NoGrantGivesAMethodThatEchoesTheRequest) {
  for (const char* method : {"TRACE", "trace", "TRACK", "Debug"})
    EXPECT_EQ(refusal(std::string(method) + " /legacy/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\n\r\n"),
              Code::kDenied)
        << method;
}

TEST_F(PipelineTest, TakesACallOffTheGrantsRate) {
  for (int i = 0; i < 5; ++i) {
    Call call = stand.call(get("/api/v1/limited"));
    ASSERT_TRUE(stand.run(call).has_value()) << i;
  }
  Call call = stand.call(get("/api/v1/limited"));
  ASSERT_FALSE(stand.run(call).has_value());
  EXPECT_FALSE(call.limit.allowed);
  EXPECT_GT(call.limit.reset_seconds, 0U);
}

TEST_F(PipelineTest, AnAddressThatTriesKeysIsHeldBackButNotWhoHasAGoodOne) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(refusal(get("/api/v1/x", "")), Code::kUnauthenticated);
  EXPECT_EQ(refusal(get("/api/v1/x", "")), Code::kLimited);
  Call good = stand.call(get("/api/v1/x"));
  EXPECT_TRUE(stand.run(good).has_value());
  Call other = stand.call(get("/api/v1/x", ""));
  other.address = *base::parse_ip("192.0.2.8");
  EXPECT_EQ(stand.run(other).error().code(), Code::kUnauthenticated);
}

TEST_F(PipelineTest, AnUpstreamWithoutACredentialServesNobody) {
  EXPECT_EQ(refusal(get("/bare/x")), Code::kNoCredential);
}

TEST_F(PipelineTest, SendsThePathThatWasMatchedBelowTheBaseUrl) {
  EXPECT_TRUE(sent(get("/api/v1/models?limit=5&q=a%20b"))
                  .starts_with("GET /base/v1/models?limit=5&q=a%20b HTTP/1.1\r\n"));
  EXPECT_TRUE(sent(get("/legacy?x=1")).starts_with("GET /?x=1&key="));
}

TEST_F(PipelineTest, PutsTheCredentialOnAndTakesTheCallersOff) {
  const std::string head =
      sent(get("/api/v1/x", "Authorization: Bearer $KEY\r\nAccept: */*\r\nCookie: a=b\r\nX-Api-Key: " +
                                std::string(stand.api_key()) + "\r\n"));
  EXPECT_NE(head.find("Authorization: Bearer " + std::string(testing::Stand::kSecret) + "\r\n"),
            std::string::npos);
  EXPECT_NE(head.find("Accept: */*\r\n"), std::string::npos);
  EXPECT_EQ(head.find("clv_"), std::string::npos);
  EXPECT_EQ(head.find("Cookie"), std::string::npos);
  EXPECT_EQ(head.find("Host: gw"), std::string::npos);
}

TEST_F(PipelineTest, AsksForWholeAnswersAsTheyAreWhereTheyAreMasked) {
  const std::string asking =
      "X-API-Key: $KEY\r\nAccept-Encoding: gzip\r\naccept_encoding: br\r\nRange: bytes=0-1\r\n"
      "IF-RANGE: \"x\"\r\nA-IM: vcdiff\r\nAccept-Charset: utf-16\r\nAccept: */*\r\n";
  const std::string head = sent(get("/api/v1/x", asking));
  for (const char* gone : {"gzip", "br\r\n", "Range", "RANGE", "A-IM", "utf-16"})
    EXPECT_EQ(head.find(gone), std::string::npos) << gone;
  EXPECT_NE(head.find("Accept: */*\r\nAccept-Encoding: identity\r\n"), std::string::npos) << head;
  EXPECT_NE(sent(get("/api/v1/x")).find("Accept-Encoding: identity\r\n"), std::string::npos);

  policy::Resources resources = stand.resources();
  resources.upstreams[0].answers.mask = false;
  stand.adopt(std::move(resources));
  const WorldUse world(stand.worker().pools);
  Call call = stand.call(get("/api/v1/x", asking));
  call.world = &world->world();
  ASSERT_TRUE(stand.run(call).has_value());
  const std::string open = stand.outgoing(call);
  EXPECT_NE(open.find("Accept-Encoding: gzip\r\naccept_encoding: br\r\nRange: bytes=0-1\r\n"),
            std::string::npos)
      << open;
  EXPECT_EQ(open.find("identity"), std::string::npos);
}

TEST_F(PipelineTest, ACallerCannotBringACredentialInDisguise) {
  const std::string head =
      sent(get("/api/v1/x",
               "X-API-Key: $KEY\r\nX_Api_Key: sneaky\r\nauthorization_: kept\r\nAUTHORIZATION-X: kept\r\n"
               "Proxy-Authorization: Basic sneaky\r\nX-Note: see clv_7f3k9x2m_abc\r\n"));
  EXPECT_EQ(head.find("sneaky"), std::string::npos);
  EXPECT_EQ(head.find("clv_"), std::string::npos);
  EXPECT_NE(head.find("authorization_: kept"), std::string::npos);
}

TEST_F(PipelineTest, ACallerCannotBringTheQueryParameterOfTheCredential) {
  const std::string head = sent(get("/legacy/x?a=1&key=sneaky&KEY=sneaky&k%65y=sneaky&b=2"));
  const std::string odd = sent(get("/legacy/x?a=1;key=sneaky&key[]=sneaky&b=2"));
  EXPECT_TRUE(odd.starts_with("GET /x?b=2&key=" + std::string(testing::Stand::kSecret) + " HTTP/1.1\r\n"))
      << odd;
  EXPECT_TRUE(
      head.starts_with("GET /x?a=1&b=2&key=" + std::string(testing::Stand::kSecret) + " HTTP/1.1\r\n"))
      << head;
}

TEST_F(PipelineTest, DropsWhatIsBetweenTwoHopsAndWhatConnectionNames) {
  const std::string head = sent(
      get("/api/v1/x",
          "X-API-Key: $KEY\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
          "Upgrade: websocket\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nVia: 1.1 x\r\n"));
  for (const char* gone : {"X-Hop", "Keep-Alive", "TE:", "Upgrade", "Forwarded", "Via", "Connection"})
    EXPECT_EQ(head.find(gone), std::string::npos) << gone;
}

TEST_F(PipelineTest, FramesTheBodyItselfAndPassesTheExpectationOn) {
  const std::string length = sent(
      "POST /api/v1/x HTTP/1.1\r\nHost: gw\r\nX-API-Key: $KEY\r\nContent-Length: 3\r\nExpect: "
      "100-continue\r\n\r\n");
  EXPECT_NE(length.find("Content-Length: 3\r\n"), std::string::npos);
  EXPECT_NE(length.find("Expect: 100-continue\r\n"), std::string::npos);
  const std::string chunked =
      sent("POST /api/v1/x HTTP/1.1\r\nHost: gw\r\nX-API-Key: $KEY\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_NE(chunked.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(chunked.find("Content-Length"), std::string::npos);
}

TEST_F(PipelineTest, ContinuesATraceWithASpanOfItsOwnAndPassesItsStateOn) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  Call call = stand.call(get("/api/v1/x", "X-API-Key: $KEY\r\nTracestate: a=1\r\nTraceParent: 00-" + trace +
                                              "-00f067aa0ba902b7-01\r\nTracestate: b=2\r\n"));
  ASSERT_TRUE(stand.run(call).has_value());
  EXPECT_EQ(call.trace.id(), trace);
  const std::string head = stand.outgoing(call);
  EXPECT_NE(head.find("\r\ntraceparent: 00-" + trace + "-" + std::string(call.id().substr(16)) + "-01\r\n"),
            std::string::npos);
  EXPECT_EQ(head.find("TraceParent"), std::string::npos);
  EXPECT_NE(head.find("\r\nTracestate: a=1\r\nTracestate: b=2\r\n"), std::string::npos);
}

TEST_F(PipelineTest, DropsATraceThatIsNoneAndAStateWithoutOne) {
  for (const char* fields : {"Traceparent: 00-x\r\nTracestate: a=1\r\n", "Tracestate: a=1\r\n"}) {
    const std::string head = sent(get("/api/v1/x", std::string("X-API-Key: $KEY\r\n") + fields));
    EXPECT_EQ(head.find("race"), std::string::npos) << head;
  }
}

TEST_F(PipelineTest, BeginsATraceOnlyWhereItIsToldTo) {
  EXPECT_EQ(sent(get("/api/v1/x")).find("traceparent"), std::string::npos);
  stand.worker().settings.begins_traces = true;
  Call call = stand.call(get("/api/v1/x", "X-API-Key: $KEY\r\nTracestate: a=1\r\n"));
  ASSERT_TRUE(stand.run(call).has_value());
  const std::string head = stand.outgoing(call);
  EXPECT_NE(head.find("\r\ntraceparent: 00-" + std::string(call.id()) + "-" + std::string(call.span_id()) +
                      "-00\r\n"),
            std::string::npos);
  EXPECT_EQ(head.find("Tracestate"), std::string::npos);
}

TEST_F(PipelineTest, SaysForTheRecordWhatRefusedACall) {
  const auto rule = [&](const std::string& text) {
    Call call = stand.call(text);
    const auto outcome = stand.run(call);
    EXPECT_EQ(call.decision, outcome.has_value() ? Decision::kAllowed : Decision::kRefused);
    return std::string(call.rule);
  };
  EXPECT_EQ(rule(get("/api/v1/x")), "");
  EXPECT_EQ(rule(get("/api/v1/x", "")), "no_key");
  EXPECT_EQ(rule(get("/api/v1/x", "X-API-Key: fake\r\n")), "key_form");
  EXPECT_EQ(rule(get("/api/v2/x")), "no_grant");
  EXPECT_EQ(rule(get("/api/v1/keys")), "denied_path");
  EXPECT_EQ(rule("TRACK /api/v1/x HTTP/1.1\r\nHost: gw\r\nX-API-Key: $KEY\r\n\r\n"), "method");
  EXPECT_EQ(rule(get("/nowhere")), "no_upstream");
  EXPECT_EQ(rule(get("/api/a%2Fb")), "encoded_slash");
  EXPECT_EQ(rule(get("/api/./x")), "path");
  EXPECT_EQ(rule(get("/api/v1/x?k=$KEY")), "key_in_url");
  EXPECT_EQ(rule(get("/api/v1/x", "X-API-Key: $KEY\r\nX-HTTP-Method: PUT\r\n")), "override");
  EXPECT_EQ(rule(get("/bare/x")), "no_credential");
}

TEST_F(PipelineTest, RequestIdsAreTheGatewaysOwnAndNeverRepeat) {
  const std::string head = sent(get("/api/v1/x", "X-API-Key: $KEY\r\nX-Request-Id: chosen-by-caller\r\n"));
  EXPECT_EQ(head.find("chosen-by-caller"), std::string::npos);
  RequestIds ids;
  std::vector<std::string> all;
  for (int i = 0; i < 1000; ++i) {
    const RequestId id = ids.next();
    all.emplace_back(id.data(), id.size());
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
}

}  // namespace
}  // namespace claviger::gateway
