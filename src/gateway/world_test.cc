// SPDX-License-Identifier: Apache-2.0
#include "gateway/world.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/testing/slowdown.h"
#include "gateway/destination.h"
#include "gateway/testing/stand.h"
#include "net/local_ca.h"
#include "policy/draft.h"

namespace claviger::gateway {
namespace {

// Gives the same secret for everything, but to whom it is told not to; and remembers what it was asked for.
class FakeSecrets final : public SecretProvider {
 public:
  explicit FakeSecrets(base::SecretArena& arena) : arena_(arena) {}
  Result<base::SecretBytes> read(const policy::CredentialResource& credential,
                                 std::string_view destination) override {
    asked.emplace_back(credential.name, destination);
    if (credential.name == refused)
      return Error(Code::kInvalid, Blame::kOperator, "was sealed for another destination");
    return base::SecretBytes::copy_of(arena_, std::as_bytes(std::span(testing::Stand::kSecret)));
  }
  std::vector<std::pair<std::string, std::string>> asked;
  std::string refused;

 private:
  base::SecretArena& arena_;
};

struct WorldTest : ::testing::Test {
  testing::Stand stand;
  FakeSecrets secrets{stand.arena()};
  std::vector<UnusableCredential> unusable;
  policy::Resources resources = stand.resources();
  std::string ca_file = "/tmp/claviger-world-" + std::to_string(::getpid()) + ".pem";

  ~WorldTest() override { ::unlink(ca_file.c_str()); }

  Result<std::shared_ptr<const World>> build(std::shared_ptr<const policy::Snapshot> snapshot,
                                             const World* before, bool goes_on = true) {
    secrets.asked.clear();
    unusable.clear();
    return build_world(std::move(snapshot), before, {}, stand.key(), secrets, goes_on ? &unusable : nullptr);
  }
  std::shared_ptr<const World> first() { return *build(*policy::Snapshot::compile(resources, 1), nullptr); }
  void write_ca(const std::string& text) {
    std::ofstream(ca_file) << text;
    ::chmod(ca_file.c_str(), 0644);
  }
  void use_ca(policy::UpstreamResource& upstream) {
    upstream.base_url.tls = true;
    upstream.allow_plaintext = false;
    upstream.tls.ca = ca_file;
  }
};

TEST_F(WorldTest, TakesOverWhatDidNotChangeAsItIs) {
  const auto before = first();
  EXPECT_EQ(secrets.asked.size(), 2U);

  policy::Draft another_key(before->policy);
  policy::PrincipalResource bob;
  bob.name = "bob";
  another_key.put(bob);
  const auto same = *build(*another_key.finish(2), before.get());
  EXPECT_EQ(same->upstreams, before->upstreams);
  EXPECT_TRUE(secrets.asked.empty());

  policy::Draft rotated(same->policy);
  policy::CredentialResource credential = resources.credentials[0];
  credential.version = 2;
  rotated.put(credential);
  const auto after = *build(*rotated.finish(3), same.get());
  EXPECT_NE((*after->upstreams)[0], (*same->upstreams)[0]);
  EXPECT_EQ((*after->upstreams)[1], (*same->upstreams)[1]);
  EXPECT_EQ((*after->upstreams)[2], (*same->upstreams)[2]);
  ASSERT_EQ(secrets.asked.size(), 1U);
  EXPECT_EQ(secrets.asked[0].first, "api-main");
}

TEST_F(WorldTest, ReadsEverythingAnewWhenThereIsNothingBefore) {
  const auto before = first();
  const auto again = *build(before->policy, nullptr);
  EXPECT_NE((*again->upstreams)[0], (*before->upstreams)[0]);
  EXPECT_EQ(secrets.asked.size(), 2U);
}

TEST_F(WorldTest, AnUpstreamThatIsGoneLeavesAHoleThatNobodyFallsInto) {
  const auto before = first();
  policy::Draft draft(before->policy);
  ASSERT_TRUE(draft.remove(policy::Kind::kGrant, "bare").has_value());
  ASSERT_TRUE(draft.remove(policy::Kind::kUpstream, "bare").has_value());
  const auto after = *build(*draft.finish(2), before.get());
  EXPECT_NE(after->upstreams, before->upstreams);
  stand.adopt(after);
  Call call = stand.call("GET /bare/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\n\r\n");
  call.world = after.get();
  EXPECT_EQ(stand.run(call).error().code(), Code::kNoUpstream);
}

TEST_F(WorldTest, ACredentialThatIsNotActiveIsLeftOutAndSomeAreSaid) {
  using State = policy::CredentialState;
  for (const State state : {State::kDisabled, State::kRevoked, State::kUnbound, State::kMissing}) {
    resources.credentials[0].state = state;
    const auto world = first();
    EXPECT_TRUE((*world->upstreams)[0]->credentials.empty());
    EXPECT_EQ(secrets.asked.size(), 1U);  // that of the other upstream
    const bool is_said = state == State::kUnbound || state == State::kMissing;
    ASSERT_EQ(unusable.size(), is_said ? 1U : 0U);
    if (is_said) {
      EXPECT_EQ(unusable[0].name, "api-main");
      // It is said again with worlds in which the upstream is the same.
      ASSERT_TRUE(build(world->policy, world.get()).has_value());
      EXPECT_EQ(unusable.size(), 1U);
    }
  }
}

TEST_F(WorldTest, WhatIsWrongWithASecretConcernsItsCredentialAlone) {
  secrets.refused = "api-main";
  const auto world = first();
  ASSERT_EQ(unusable.size(), 1U);
  EXPECT_EQ(unusable[0].why, "was sealed for another destination");
  EXPECT_TRUE((*world->upstreams)[0]->credentials.empty());
  EXPECT_EQ((*world->upstreams)[1]->credentials.size(), 1U);

  const auto strict = build(world->policy, nullptr, false);
  ASSERT_FALSE(strict.has_value());
  EXPECT_NE(strict.error().what().find("credential 'api-main'"), std::string_view::npos);
}

TEST_F(WorldTest, AnUpstreamWhoseCaCannotBeReadServesNobody) {
  use_ca(resources.upstreams[0]);  // of which there is no file
  const auto world = first();
  ASSERT_EQ(unusable.size(), 1U);
  EXPECT_NE(unusable[0].why.find(ca_file), std::string::npos);
  EXPECT_TRUE((*world->upstreams)[0]->credentials.empty());
  EXPECT_FALSE(build(world->policy, nullptr, false).has_value());
}

TEST_F(WorldTest, UpstreamsThatTrustTheSameShareIt) {
  write_ca(net::make_local_ca({"localhost"})->ca_pem);
  use_ca(resources.upstreams[0]);
  use_ca(resources.upstreams[1]);
  resources.upstreams[2].base_url.tls = true;  // the system's
  const auto before = first();
  const UpstreamTable& table = *before->upstreams;
  EXPECT_EQ(table[0]->endpoints->front().tls->trust(), table[1]->endpoints->front().tls->trust());
  EXPECT_NE(table[0]->endpoints->front().tls->trust(), table[2]->endpoints->front().tls->trust());
  EXPECT_NE(table[0]->endpoints->front().tls, table[1]->endpoints->front().tls);  // sessions are not shared

  policy::Draft draft(before->policy);
  policy::UpstreamResource changed = resources.upstreams[2];
  changed.tls.server_name = "other.example";
  draft.put(changed);
  const auto after = *build(*draft.finish(2), before.get());
  EXPECT_EQ((*after->upstreams)[2]->endpoints->front().tls->trust(),
            table[2]->endpoints->front().tls->trust());
  EXPECT_EQ((*after->upstreams)[2]->endpoints->front().tls->options().server_name, "other.example");
}

TEST_F(WorldTest, ACaFileThatIsNoneIsRefusedBeforeItIsUsed) {
  policy::UpstreamResource upstream = resources.upstreams[0];
  use_ca(upstream);
  EXPECT_FALSE(check_resource(upstream).has_value());  // there is no such file
  write_ca("junk");
  EXPECT_FALSE(check_resource(upstream).has_value());
  EXPECT_TRUE(
      destination_digest(upstream, resources.credentials[0]).has_value());  // of whatever bytes there are
  write_ca(net::make_local_ca({"localhost"})->ca_pem);
  EXPECT_TRUE(check_resource(upstream).has_value());
  ::chmod(ca_file.c_str(), 0666);
  EXPECT_FALSE(check_resource(upstream).has_value());
  EXPECT_FALSE(destination_digest(upstream, resources.credentials[0]).has_value());
  upstream.tls.ca = "/dev/zero";
  EXPECT_FALSE(check_resource(upstream).has_value());
  upstream.tls.ca = "/";
  EXPECT_FALSE(check_resource(upstream).has_value());
}

// A reload reads all CA files first: what is in use must not be lost to one that is no good.
TEST_F(WorldTest, CaFilesThatWentBadAreFoundBeforeTheyAreReadAnew) {
  write_ca(net::make_local_ca({"localhost"})->ca_pem);
  use_ca(resources.upstreams[0]);
  const auto world = first();
  EXPECT_TRUE(check_ca_files(*world->upstreams).has_value());
  write_ca(net::make_local_ca({"localhost"})->ca_pem);  // another one, and a good one
  EXPECT_TRUE(check_ca_files(*world->upstreams).has_value());
  const auto expect_refusal = [&] {
    const auto checked = check_ca_files(*world->upstreams);
    ASSERT_FALSE(checked.has_value());
    EXPECT_NE(checked.error().what().find(ca_file), std::string_view::npos) << checked.error().what();
    EXPECT_NE(checked.error().what().find("upstream 'api'"), std::string_view::npos)
        << checked.error().what();
  };
  write_ca("junk");
  expect_refusal();
  ::chmod(ca_file.c_str(), 0666);
  expect_refusal();
  ::unlink(ca_file.c_str());
  expect_refusal();
}

TEST_F(WorldTest, AnUpstreamFromAStoreIsNamedOnce) {
  policy::UpstreamResource upstream = resources.upstreams[0];
  use_ca(upstream);  // of which there is no file
  upstream.place.file = std::make_shared<const std::string>("upstream 'api'");
  const auto refused = check_resource(upstream);
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().what().starts_with("upstream 'api': tls.ca")) << refused.error().what();
}

TEST_F(WorldTest, ACaFileThatWasNoGoodBeforeHoldsNothingUp) {
  use_ca(resources.upstreams[0]);  // of which there is no file
  EXPECT_TRUE(check_ca_files(*first()->upstreams).has_value());
}

base::Document scalar(std::string text) {
  base::Document node;
  node.type = base::Document::Type::kScalar;
  node.scalar = std::move(text);
  return node;
}

base::Document map(std::vector<base::DocumentEntry> entries) {
  base::Document node;
  node.type = base::Document::Type::kMap;
  node.entries = std::move(entries);
  return node;
}

TEST_F(WorldTest, TheDigestChangesWithWhateverDecidesWhereASecretGoes) {
  write_ca(net::make_local_ca({"localhost"})->ca_pem);
  policy::UpstreamResource upstream = resources.upstreams[0];
  use_ca(upstream);
  policy::CredentialResource credential = resources.credentials[0];
  const auto digest = [&] { return *destination_digest(upstream, credential); };
  std::vector<std::string> all{digest()};
  const auto changes = [&](auto& field, auto value) {
    std::swap(field, value);
    all.push_back(digest());
    std::swap(field, value);
    EXPECT_EQ(digest(), all.front());
  };
  changes(upstream.base_url.host, std::string("127.0.0.2"));
  changes(upstream.base_url.port, decltype(upstream.base_url.port)(2));
  changes(upstream.base_url.path, std::string("/elsewhere"));
  changes(upstream.base_url.tls, false);
  changes(upstream.tls.server_name, std::string("other.example"));
  changes(upstream.tls.ca, std::string());
  changes(upstream.auth, map({{"kind", scalar("header")}, {"name", scalar("X-Token")}}));
  changes(upstream.auth, map({{"kind", scalar("headers4:name")}, {"name", scalar("X-Token")}}));
  changes(credential.auth, map({{"kind", scalar("header")}, {"name", scalar("X-Tokem")}}));
  changes(credential.name, std::string("api-other"));
  changes(upstream.name, std::string("apj"));
  write_ca(net::make_local_ca({"localhost"})->ca_pem);  // another CA in the same file
  all.push_back(digest());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
}

TEST_F(WorldTest, TheDigestStaysWithWhatDoesNot) {
  policy::UpstreamResource upstream = resources.upstreams[0];
  policy::CredentialResource credential = resources.credentials[0];
  upstream.auth = map({{"kind", scalar("header")}, {"name", scalar("X-Token")}});
  const std::string before = *destination_digest(upstream, credential);
  upstream.auth = map({{"name", scalar("X-Token")}, {"kind", scalar("header")}});
  upstream.auth.entries[0].second.quoted = true;
  upstream.mount = "/elsewhere";
  upstream.timeouts.idle = std::chrono::milliseconds(1);
  credential.version = 7;
  credential.auth = upstream.auth;  // its own, but the same
  EXPECT_EQ(*destination_digest(upstream, credential), before);
}

TEST_F(WorldTest, TheProviderIsAskedForTheDestinationThatTheDigestNames) {
  first();
  ASSERT_EQ(secrets.asked.size(), 2U);
  EXPECT_EQ(secrets.asked[0].second, *destination_digest(resources.upstreams[0], resources.credentials[0]));
}

TEST_F(WorldTest, AThousandUpstreamsAreMadeReadyAtOnce) {
  policy::Resources many;
  for (int i = 0; i < 1000; ++i) {
    policy::UpstreamResource upstream = resources.upstreams[0];
    upstream.name += std::to_string(i);
    upstream.mount += std::to_string(i);
    upstream.base_url.tls = true;
    policy::CredentialResource credential = resources.credentials[0];
    credential.name += std::to_string(i);
    credential.upstream = upstream.name;
    many.upstreams.push_back(std::move(upstream));
    many.credentials.push_back(std::move(credential));
  }
  const auto snapshot = *policy::Snapshot::compile(std::move(many), 1);
  const auto began = std::chrono::steady_clock::now();
  const auto world = *build(snapshot, nullptr);
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_LT(took, base::testing::kSlowdown * std::chrono::seconds(10));  // instrumented, on a slow machine
  RecordProperty("build_us",
                 std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  // One for all: 10 ms of the system's store for each would be ten seconds.
  for (const auto& upstream : *world->upstreams)
    EXPECT_EQ(upstream->endpoints->front().tls->trust(),
              world->upstreams->front()->endpoints->front().tls->trust());
}

}  // namespace
}  // namespace claviger::gateway
