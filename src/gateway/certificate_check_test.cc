// SPDX-License-Identifier: Apache-2.0
// Callers by certificate, through the pipeline.
#include "gateway/certificate_check.h"

#include <gtest/gtest.h>

#include "gateway/testing/stand.h"

namespace claviger::gateway {
namespace {

using std::chrono::hours;
using Kind = CertificateOwner::Kind;

struct CertificateTest : ::testing::Test {
  testing::Stand stand;
  std::shared_ptr<const World> world;
  net::PeerCertificate shown;
  bool is_required = false;

  // alice has a key and, with `certificates`, those names; bob has "dns:bob" alone, and the same grants.
  void begin(std::vector<std::string> certificates, bool alice_is_disabled = false) {
    policy::Resources resources = stand.resources();
    resources.principals[0].certificates = std::move(certificates);
    resources.principals[0].disabled = alice_is_disabled;
    policy::PrincipalResource& bob = resources.principals.emplace_back();
    bob.name = "bob";
    bob.certificates = {"dns:bob"};
    policy::GrantResource grant = resources.grants[1];
    grant.name = "bobs";
    grant.principal = "bob";
    resources.grants.push_back(grant);
    world = *stand.make_world(std::move(resources));
  }
  CertificateTest() { shown.expires = stand.loop().wall_now() + hours(1); }

  Call make_call(std::vector<std::string> names, const std::string& fields) {
    Call call = stand.call("GET /api/v1/x HTTP/1.1\r\nHost: g\r\n" + fields + "\r\n");
    call.world = world.get();
    shown.names = std::move(names);
    if (!shown.names.empty()) call.certificate = &shown;
    call.needs_certificate = is_required;
    return call;
  }
  // Who is let in; else why not.
  std::string who(std::vector<std::string> names, const std::string& fields = "") {
    Call call = make_call(std::move(names), fields);
    const auto outcome = stand.run(call);
    if (!outcome.has_value())
      return outcome.error().code() == Code::kUnauthenticated ? "401" : std::string(outcome.error().what());
    return std::string(call.principal->name) + (call.key != nullptr ? " by key" : " by certificate") +
           (call.certificate_name.empty() ? "" : " " + std::string(call.certificate_name));
  }
  std::string by_key(std::vector<std::string> names) { return who(std::move(names), "X-API-Key: $KEY\r\n"); }
};

TEST_F(CertificateTest, AloneIsWhoHasItsName) {
  begin({"dns:alice", "uri:spiffe://x/alice"});
  EXPECT_EQ(who({"dns:alice", "sha256:1"}), "alice by certificate dns:alice");
  EXPECT_EQ(who({"dns:other", "uri:spiffe://x/alice", "sha256:1"}),
            "alice by certificate uri:spiffe://x/alice");
  EXPECT_EQ(who({"dns:bob", "sha256:1"}), "bob by certificate dns:bob");
  EXPECT_EQ(who({"dns:stranger", "sha256:1"}), "401");
  EXPECT_EQ(who({}), "401");
}

TEST_F(CertificateTest, OfSeveralPrincipalsIsNobodys) {
  begin({"dns:alice"});
  EXPECT_EQ(who({"dns:alice", "dns:bob"}), "401");
  EXPECT_EQ(by_key({"dns:alice", "dns:bob"}), "401");
}

TEST_F(CertificateTest, BesideAKeyIsTheSamePrincipals) {
  begin({"dns:alice"});
  EXPECT_EQ(by_key({"dns:alice"}), "alice by key dns:alice");
  EXPECT_EQ(by_key({"dns:bob"}), "401");
}

TEST_F(CertificateTest, IsDemandedOfWhoHasOneSoThatAKeyAloneIsWorthNothing) {
  begin({"dns:alice"});
  EXPECT_EQ(by_key({}), "401");
  EXPECT_EQ(by_key({"dns:stranger"}), "401");
  begin({});
  EXPECT_EQ(by_key({}), "alice by key");
  EXPECT_EQ(by_key({"dns:stranger"}), "alice by key");
  EXPECT_EQ(by_key({"dns:bob"}), "401");
}

TEST_F(CertificateTest, OfADisabledPrincipalLetsNobodyIn) {
  begin({"dns:alice"}, true);
  EXPECT_EQ(who({"dns:alice"}), "401");
}

TEST_F(CertificateTest, StandsInForNoKeyThatIsWrong) {
  begin({"dns:alice"});
  for (const char* fields : {"X-API-Key: fake\r\n", "Authorization: Bearer fake\r\n",
                             "Authorization: Digest fake\r\n", "x-goog-api-key: fake\r\n", "X-API-Key: \r\n"})
    EXPECT_EQ(who({"dns:alice"}, fields), "401") << fields;
}

TEST_F(CertificateTest, ProvesNothingOnceItHasExpired) {
  begin({"dns:alice"});
  EXPECT_EQ(who({"dns:alice"}), "alice by certificate dns:alice");
  shown.expires = stand.loop().wall_now() - std::chrono::seconds(1);
  EXPECT_EQ(who({"dns:alice"}), "401");
  EXPECT_EQ(by_key({"dns:alice"}), "401");
}

TEST_F(CertificateTest, ThatHasToBeShownIsNotMadeUpForByAKey) {
  is_required = true;
  begin({});
  EXPECT_EQ(by_key({"dns:stranger"}), "alice by key");
  EXPECT_EQ(by_key({}), "401");
  shown.expires = stand.loop().wall_now();
  EXPECT_EQ(by_key({"dns:stranger"}), "401");
}

TEST_F(CertificateTest, AloneIsNotLentToPagesOfOtherSites) {
  begin({"dns:alice"});
  for (const char* fields :
       {"Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n", "Origin: https://evil.example\r\n",
        "Origin: null\r\n", "Sec-Fetch-Site: none\r\nOrigin: https://evil.example\r\n"}) {
    Call call = make_call({"dns:alice"}, fields);
    const auto outcome = stand.run(call);
    ASSERT_FALSE(outcome.has_value()) << fields;
    EXPECT_EQ(outcome.error().code(), Code::kDenied) << fields;
    EXPECT_NE(outcome.error().what().find("page of another site"), std::string_view::npos);
    EXPECT_EQ(who({"dns:alice"}, std::string(fields) + "X-API-Key: $KEY\r\n"),
              "alice by key dns:alice");  // no page knows a key
    EXPECT_EQ(who({"dns:stranger"}, fields), "401");
  }
  for (const char* fields :
       {"Sec-Fetch-Site: same-origin\r\nOrigin: https://g\r\n", "Sec-Fetch-Site: none\r\n"})
    EXPECT_EQ(who({"dns:alice"}, fields), "alice by certificate dns:alice");
}

TEST_F(CertificateTest, ThatIsUnknownCountsAgainstItsAddress) {
  begin({"dns:alice"});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(who({"dns:stranger"}), "401");
  EXPECT_NE(who({"dns:stranger"}).find("too many requests"), std::string::npos);
  EXPECT_EQ(who({"dns:alice"}), "alice by certificate dns:alice");
}

TEST_F(CertificateTest, OwnerIsFoundByEveryNameAndKnownByTheFirst) {
  begin({"dns:alice", "email:alice@x"});
  shown.names = {"dns:x", "email:alice@x", "dns:alice"};
  const CertificateOwner owner = owner_of(&shown, false, *world->policy, stand.loop().wall_now());
  EXPECT_EQ(owner.kind, Kind::kOne);
  EXPECT_EQ(owner.name, "email:alice@x");
  EXPECT_EQ(owner_of(nullptr, false, *world->policy, stand.loop().wall_now()).kind, Kind::kNobody);
}

}  // namespace
}  // namespace claviger::gateway
