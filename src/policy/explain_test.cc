// SPDX-License-Identifier: Apache-2.0
#include "policy/explain.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/parse.h"
#include "policy/testing/resources.h"

namespace claviger::policy {
namespace {

const WallTime kNow = *base::parse_rfc3339("2026-06-01T00:00:00Z");

class Explain : public ::testing::Test {
 protected:
  Explain() {
    resources_.upstreams.push_back(testing::upstream("openai", "/openai"));
    resources_.upstreams.push_back(testing::upstream("git", "/git"));
    resources_.upstreams.back().encoded_slash = EncodedSlash::kOpaque;
    resources_.principals.push_back(testing::principal("billing", {"readers"}));
    resources_.principals.push_back(testing::principal("retired"));
    resources_.principals.back().disabled = true;
    resources_.grants.push_back(testing::grant("chat", "billing", "openai", {"POST"}, {"/v1/chat/**"}));
    resources_.grants.push_back(testing::role_grant("models", "readers", "openai", {"GET"}, {"/v1/models"}));
    resources_.grants.push_back(testing::role_grant("old", "readers", "openai", {"DELETE"}, {"/v1/files/*"}));
    resources_.grants.back().expires = *base::parse_rfc3339("2026-01-01T00:00:00Z");
  }

  Explanation asked(std::string_view method, std::string_view target, std::string_view who = "billing") {
    return explain(**Snapshot::compile(resources_, 1), who, method, target, kNow);
  }
  std::string why_not(std::string_view method, std::string_view target, std::string_view who = "billing") {
    const Explanation explanation = asked(method, target, who);
    EXPECT_FALSE(explanation.allowed);
    EXPECT_EQ(explanation.grant, "");
    return explanation.reason;
  }

  Resources resources_;
};

TEST_F(Explain, NamesTheGrantThatLetsACallThrough) {
  for (const char* target : {"/openai/v1/chat/completions", "/openai/v1/chat/completions?stream=1",
                             "https://gateway.test:8443/openai/v1/chat/completions"}) {
    const Explanation explanation = asked("POST", target);
    EXPECT_TRUE(explanation.allowed) << target << explanation.reason;
    EXPECT_EQ(explanation.upstream, "openai");
    EXPECT_EQ(explanation.grant, "chat");
    EXPECT_EQ(explanation.reason, "grant 'chat' lets POST through");
  }
  EXPECT_EQ(asked("GET", "/openai/v1/models").grant, "models");
}

TEST_F(Explain, NamesThePatternThatRefusesAPathToEverybodyWhateverIsGranted) {
  resources_.upstreams[0].deny_paths =
      *DeniedPaths::read(*base::parse_json(R"(["/v1/chat/keys/**", "/v1/models"])", ""));
  EXPECT_EQ(why_not("POST", "/openai/v1/chat/keys"),
            "upstream 'openai' refuses this path to everybody: '/v1/chat/keys/**' is one of its deny_paths");
  EXPECT_EQ(why_not("GET", "/openai/v1/Models/"),
            "upstream 'openai' refuses this path to everybody: '/v1/models' is one of its deny_paths");
  EXPECT_TRUE(asked("POST", "/openai/v1/chat/completions").allowed);
}

TEST_F(Explain, NamesTheNearestGrantAndWhatItLacks) {
  EXPECT_EQ(why_not("GET", "/openai/v1/chat/completions"),
            "no grant lets this through: 'chat' comes nearest, but it does not give GET");
  EXPECT_EQ(why_not("GET", "/openai/v1/modells"),
            "no grant lets this through: 'models' comes nearest, but it has no path that matches");
  EXPECT_EQ(why_not("DELETE", "/openai/v1/files/7"),
            "no grant lets this through: 'old' comes nearest, but it expired at 2026-01-01T00:00:00.000Z");
  EXPECT_EQ(why_not("PUT", "/openai/x"),
            "no grant lets this through: 'chat' comes nearest, but it does not give PUT and has no path that "
            "matches");
  EXPECT_EQ(asked("PUT", "/openai/x").upstream, "openai");
}

TEST_F(Explain, SaysWhenThereIsNoGrantAtAll) {
  EXPECT_EQ(why_not("GET", "/git/x"),
            "no grant gives principal 'billing', or a role that it has, upstream 'git'");
}

TEST_F(Explain, SaysWhoIsNotThere) {
  EXPECT_EQ(why_not("POST", "/openai/v1/chat/x", "biling"),
            "no principal is named 'biling'; did you mean 'billing'?");
  EXPECT_EQ(why_not("POST", "/openai/v1/chat/x", "somebody"), "no principal is named 'somebody'");
  EXPECT_EQ(why_not("POST", "/openai/v1/chat/x", "<script>"), "no principal has such a name");
  EXPECT_EQ(why_not("POST", "/openai/v1/chat/x", std::string(100'000, 'a')), "no principal has such a name");
  EXPECT_EQ(why_not("POST", "/openai/v1/chat/x", "retired"), "principal 'retired' is disabled");
}

TEST_F(Explain, SaysWhatIsWrongWithThePath) {
  EXPECT_EQ(why_not("GET", "/nothing/here"), "no upstream is mounted at this path");
  EXPECT_EQ(why_not("GET", "https://gateway.test"), "no upstream is mounted at this path");
  EXPECT_TRUE(why_not("POST", "/openai/v1/../admin").starts_with("the request is refused: "));
  EXPECT_TRUE(why_not("POST", "/openai//v1").starts_with("the request is refused: "));
  EXPECT_EQ(why_not("POST", "/openai/v1/chat/a%2Fb"),
            "upstream 'openai' takes no %2F in a path (encoded_slash: opaque would let it pass)");
  EXPECT_EQ(why_not("GET", "/git/a%2Fb"),
            "no grant gives principal 'billing', or a role that it has, upstream 'git'");
}

TEST_F(Explain, RefusesWhatTheParserWouldRefuse) {
  for (const char* target :
       {"", "openai/v1", "*", "/openai/v1#x", "ftp://gateway.test/openai", "https://",
        "https://a@gateway.test/openai", "https://gate way/x", "https://gateway.test?x"}) {
    EXPECT_NE(why_not("POST", target), "") << target;
  }
  // Nothing that is put into a request line can become a line of its own.
  EXPECT_EQ(why_not("POST", "/openai/v1/chat/x HTTP/1.0\r\n\r\n"),
            "the method or the target holds bytes that are not visible ASCII");
  EXPECT_EQ(why_not("GET /openai/v1/models", "/x"),
            "the method or the target holds bytes that are not visible ASCII");
  EXPECT_NE(why_not("", "/openai/v1/models"), "");
  EXPECT_NE(why_not("GET", "/openai/" + std::string(1 << 20, 'a')), "");
}

TEST_F(Explain, RepeatsNoKeyThatStandsInTheTarget) {
  const std::string said = why_not("GET", "/openai/v1/models?key=clv_7f3k9x2m_fake");
  EXPECT_EQ(said, "the request is refused: an API key stands in the URL");
}

TEST_F(Explain, SaysWhichMethodsNobodyIsGiven) {
  resources_.grants.push_back(testing::grant("all", "billing", "openai"));
  for (const char* method : {"TRACE", "trace", "TRACK", "DEBUG"}) {
    EXPECT_EQ(why_not(method, "/openai/x"), "no grant can give " + std::string(method));
  }
  EXPECT_EQ(why_not("CONNECT", "/openai/x"), "the request is refused: CONNECT is not supported");
  EXPECT_TRUE(asked("PROPFIND", "/openai/x").allowed);
}

TEST_F(Explain, GivesTheReasonThatThePipelineWouldMeetFirst) {
  EXPECT_TRUE(why_not("TRACE", "/nothing/..", "nobody").starts_with("the request is refused: "));
  EXPECT_EQ(why_not("TRACE", "/nothing", "nobody"), "no principal is named 'nobody'");
  EXPECT_EQ(why_not("TRACE", "/nothing", "billing"), "no upstream is mounted at this path");
}

}  // namespace
}  // namespace claviger::policy
