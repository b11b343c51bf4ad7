// SPDX-License-Identifier: Apache-2.0
#include "gateway/external_secrets.h"

#include <gtest/gtest.h>

#include <string>

#include "gateway/testing/fake_external_secrets.h"
#include "gateway/testing/stand.h"

namespace claviger::gateway {
namespace {

struct ExternalSecretsTest : ::testing::Test {
  testing::Stand stand;
  testing::FakeExternalSecrets external{stand.arena()};
  WorldSettings settings{.own_listeners = {}, .lives = nullptr, .external = &external};
  const std::string from = "vault:secret/x#key";
  std::shared_ptr<const World> world;

  // All credentials of the stand's first upstream, and of no other, come from there.
  void begin() {
    policy::Resources resources = stand.resources();
    const std::string upstream = resources.credentials[0].upstream;
    for (policy::CredentialResource& credential : resources.credentials) {
      credential.from = credential.upstream == upstream ? from : "vault:secret/other#key";
      external.allowed.insert(credential.from);
      external.settle(credential);
    }
    external.set("vault:secret/other#key", testing::Stand::kSecret);
    std::vector<UnusableCredential> unusable;
    world = *build_world(*policy::Snapshot::compile(std::move(resources), 7), nullptr, settings, stand.key(),
                         external, &unusable);
  }
  Result<RenewedWorld> renew() { return renew_world(*world, from, settings, stand.key(), external); }
};

TEST_F(ExternalSecretsTest, AnotherValueTouchesNothingButItsOwnUpstream) {
  external.set(from, testing::Stand::kSecret);
  begin();
  external.offer(from, "fake-other-secret-0123456789");
  const auto renewed = renew();
  ASSERT_TRUE(renewed.has_value()) << renewed.error().what();
  const UpstreamTable& before = *world->upstreams;
  const UpstreamTable& after = *renewed->world->upstreams;
  EXPECT_NE(after[0], before[0]);
  EXPECT_EQ(after[1], before[1]);
  EXPECT_EQ(after[0]->credentials[0].version, before[0]->credentials[0].version + 1);
  EXPECT_EQ(renewed->world->policy->revision(), 7U);
}

TEST_F(ExternalSecretsTest, AValueThatCannotBeUsedIsRefusedWhole) {
  external.set(from, testing::Stand::kSecret);
  begin();
  external.offer(from, "fake\nsecret");
  EXPECT_FALSE(renew().has_value());
  EXPECT_NE(external.refusal.find("control byte"), std::string::npos);
  EXPECT_EQ(external.refusal.find("fake"), std::string::npos);
}

TEST_F(ExternalSecretsTest, AFirstValueIsTakenWhateverItIs) {
  begin();
  EXPECT_TRUE((*world->upstreams)[0]->credentials.empty());
  external.offer(from, "fake-first-secret-0123456789");
  const auto renewed = renew();
  ASSERT_TRUE(renewed.has_value());
  EXPECT_FALSE((*renewed->world->upstreams)[0]->credentials.empty());
}

TEST_F(ExternalSecretsTest, AValueThatIsGoneLeavesItsCredentialUnusable) {
  external.set(from, testing::Stand::kSecret);
  begin();
  external.drop(from);
  const auto renewed = renew();
  ASSERT_TRUE(renewed.has_value());
  EXPECT_TRUE((*renewed->world->upstreams)[0]->credentials.empty());
  EXPECT_FALSE(renewed->unusable.empty());
}

TEST_F(ExternalSecretsTest, WhatASourceDoesNotGiveIsNoReasonToServeNobody) {
  begin();
  EXPECT_TRUE(build_world(world->policy, nullptr, settings, stand.key(), external, nullptr).has_value());
  external.allowed.clear();
  EXPECT_FALSE(build_world(world->policy, nullptr, settings, stand.key(), external, nullptr).has_value());
}

}  // namespace
}  // namespace claviger::gateway
