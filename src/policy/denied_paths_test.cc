// SPDX-License-Identifier: Apache-2.0
#include "policy/denied_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/json.h"
#include "http/path.h"

namespace claviger::policy {
namespace {

using ::testing::HasSubstr;

Result<DeniedPaths> read(const std::string& json) {
  return DeniedPaths::read(*base::parse_json(json, "resources.yaml", 100'000));
}
DeniedPaths denying(const std::string& patterns) {
  auto denied = read("[" + patterns + "]");
  EXPECT_TRUE(denied.has_value()) << (denied.has_value() ? "" : denied.error().what());
  return denied.has_value() ? *std::move(denied) : DeniedPaths();
}
// The pattern that refuses a path, or "".
std::string found(const DeniedPaths& denied, std::string_view path) {
  EXPECT_TRUE(path.empty() || http::check_canonical_path(path).has_value()) << path;
  const std::string* pattern = denied.find(path);
  return pattern == nullptr ? "" : *pattern;
}

TEST(DeniedPaths, AreNoneByDefault) {
  EXPECT_TRUE(DeniedPaths().is_empty());
  EXPECT_EQ(DeniedPaths().find("/any"), nullptr);
  EXPECT_EQ(found(denying(""), "/any"), "");
}

TEST(DeniedPaths, AreWholePathsWithStarsWithinASegment) {
  const DeniedPaths denied = denying(R"("/user/keys", "/repos/*/*/keys", "/users/*/tokens*", "/x/*.json")");
  EXPECT_EQ(found(denied, "/user/keys"), "/user/keys");
  EXPECT_EQ(found(denied, "/user/keys/1"), "");
  EXPECT_EQ(found(denied, "/user"), "");
  EXPECT_EQ(found(denied, "/user/keyss"), "");
  EXPECT_EQ(found(denied, "/repos/a/b/keys"), "/repos/*/*/keys");
  EXPECT_EQ(found(denied, "/repos/a/keys"), "");
  EXPECT_EQ(found(denied, "/repos/a/b/c/keys"), "");
  EXPECT_EQ(found(denied, "/users/1/tokens.json"), "/users/*/tokens*");
  EXPECT_EQ(found(denied, "/users/1/tokens"), "/users/*/tokens*");
  EXPECT_EQ(found(denied, "/users/1/token"), "");
  EXPECT_EQ(found(denied, "/x/keys.json"), "/x/*.json");
  EXPECT_EQ(found(denied, "/x/keys.xml"), "");
  EXPECT_EQ(found(denied, ""), "");
  EXPECT_EQ(found(denied, "/"), "");
}

TEST(DeniedPaths, HoldAnyNumberOfSegmentsWhereTwoStarsStand) {
  const DeniedPaths denied = denying(R"("/v1/organization/**", "/a/**/keys/*", "/repos/*/**/secret")");
  EXPECT_EQ(found(denied, "/v1/organization"), "/v1/organization/**");
  EXPECT_EQ(found(denied, "/v1/organization/admin_api_keys/x"), "/v1/organization/**");
  EXPECT_EQ(found(denied, "/v1/organizations"), "");
  EXPECT_EQ(found(denied, "/a/keys/1"), "/a/**/keys/*");
  EXPECT_EQ(found(denied, "/a/b/c/keys/1"), "/a/**/keys/*");
  EXPECT_EQ(found(denied, "/a/keys"), "");
  EXPECT_EQ(found(denied, "/a/b/keys/1/2"), "");
  EXPECT_EQ(found(denied, "/repos/secret"), "") << "the first star stands for a segment";
  EXPECT_EQ(found(denied, "/repos/a/secret"), "/repos/*/**/secret");
}

TEST(DeniedPaths, TwoStarsAloneAreEverythingAndASlashIsTheRootAlone) {
  EXPECT_EQ(found(denying(R"("/**")"), ""), "/**");
  EXPECT_EQ(found(denying(R"("/**")"), "/a/b"), "/**");
  EXPECT_EQ(found(denying(R"("/")"), "/"), "/");
  EXPECT_EQ(found(denying(R"("/")"), "/a"), "");
}

TEST(DeniedPaths, AreFoundInEverySpellingThatAnUpstreamMayTakeForThem) {
  const DeniedPaths denied = denying(R"("/api/User/createToken", "/v1/auth:mint", "/k/*!")");
  for (const char* path :
       {"/api/user/createToken", "/API/USER/CREATETOKEN", "/api/user/createtoken/",
        "/api/user;x=1/createToken", "/api/user/createToken;x", "/api/user/createToken%3Bx/"})
    EXPECT_EQ(found(denied, path), "/api/User/createToken") << path;
  EXPECT_EQ(found(denied, "/v1/auth%3Amint"), "/v1/auth:mint");
  EXPECT_EQ(found(denied, "/v1/AUTH:mint;a=b"), "/v1/auth:mint");
  EXPECT_EQ(found(denied, "/k/%20%21"), "/k/*!");
  EXPECT_EQ(found(denied, "/k/%21;%21"), "/k/*!");
  EXPECT_EQ(found(denied, "/k/%21a"), "");
  EXPECT_EQ(found(denied, "/api/user/createToken%20"), "") << "another name";
}

TEST(DeniedPaths, TakeAnEncodedSlashBothWays) {
  const DeniedPaths denied = denying(R"("/projects/*/access_tokens", "/a/b", "/c/**/d")");
  EXPECT_EQ(found(denied, "/projects/group%2Fname/access_tokens"), "/projects/*/access_tokens");
  EXPECT_EQ(found(denied, "/projects/1%2Faccess_tokens"), "/projects/*/access_tokens");
  EXPECT_EQ(found(denied, "/a%2Fb"), "/a/b");
  EXPECT_EQ(found(denied, "/a/%2F%2Fb%2F"), "/a/b");
  EXPECT_EQ(found(denied, "/a/b%2F"), "/a/b");
  EXPECT_EQ(found(denied, "/%2Fa/b"), "/a/b");
  EXPECT_EQ(found(denied, "/c%2Fx%2F%2Fd"), "/c/**/d");
  EXPECT_EQ(found(denied, "/c%2Fxd"), "");
}

TEST(DeniedPaths, OfManyTheOneThatFitsIsFound) {
  std::string patterns;
  for (int i = 0; i < 64; ++i)
    patterns += (i > 0 ? ", " : "") + std::string("\"/common/") + (i % 2 == 0 ? "*" : "x") + "/p" +
                std::to_string(i) + "\"";
  const DeniedPaths denied = denying(patterns);
  EXPECT_EQ(found(denied, "/common/x/p63"), "/common/x/p63");
  EXPECT_EQ(found(denied, "/common/x/p62"), "/common/*/p62");
  EXPECT_EQ(found(denied, "/common/x/p64"), "");
  EXPECT_EQ(found(denied, "/common/y/p63"), "");
}

TEST(DeniedPaths, CostNoMoreForAPathThatIsMadeToCost) {
  const DeniedPaths denied = denying(R"("/**/a/a/a/a/a/a/b", "/*a/*a/*a/*a", "/a*a/**/a*b")");
  const std::string many = [] {
    std::string path;
    while (path.size() < 60'000) path += "/a";
    return path;
  }();
  for (int i = 0; i < 200; ++i) EXPECT_EQ(denied.find(many), nullptr);
  EXPECT_EQ(denied.find("/" + std::string(60'000, 'a')), nullptr);
}

TEST(DeniedPaths, ThatCouldNeverMatchAreRefused) {
  const auto refusal = [](const std::string& pattern) {
    const auto denied = read("[\"/good\", \"" + pattern + "\"]");
    return denied.has_value() ? "taken" : std::string(denied.error().what());
  };
  for (const char* pattern : {"", "relative", "/a//b", "/a/../b", "/a b", "/a/\\u00e9"})
    EXPECT_THAT(refusal(pattern), HasSubstr("deny_paths: ")) << pattern;
  EXPECT_THAT(refusal("/a**"), HasSubstr("at most one '*'"));
  EXPECT_THAT(refusal("/a/*b*"), HasSubstr("at most one '*'"));
  EXPECT_THAT(refusal("/a/**/b/**"), HasSubstr("once in a pattern"));
  EXPECT_THAT(refusal("/a%3Ab"), HasSubstr("not percent-encoded"));
  EXPECT_THAT(refusal("/a;b"), HasSubstr("holds no ';'"));
  EXPECT_THAT(refusal("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), HasSubstr("at most 16 segments"));
  EXPECT_THAT(refusal("/" + std::string(512, 'a')), HasSubstr("at most 512"));
  EXPECT_THAT(std::string(read("\"/a\"").error().what()), HasSubstr("is a list"));
  std::string many;
  for (int i = 0; i < 65; ++i) many += std::string(i > 0 ? "," : "") + "\"/a\"";
  EXPECT_THAT(std::string(read("[" + many + "]").error().what()), HasSubstr("at most 64"));
}

}  // namespace
}  // namespace claviger::policy
