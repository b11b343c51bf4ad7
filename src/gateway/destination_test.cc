// SPDX-License-Identifier: Apache-2.0
#include "gateway/destination.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "http/path.h"

namespace claviger::gateway {
namespace {

base::Document scalar(std::string text) {
  base::Document node;
  node.type = base::Document::Type::kScalar;
  node.scalar = std::move(text);
  return node;
}

struct DestinationTest : ::testing::Test {
  policy::UpstreamResource upstream;
  policy::CredentialResource credential;

  DestinationTest() {
    upstream.name = "openai";
    upstream.base_url = *http::parse_base_url("https://api.openai.example:8443/v1");
    upstream.auth.type = base::Document::Type::kMap;
    upstream.auth.entries.push_back({"kind", scalar("bearer")});
    credential.name = "openai-main";
    credential.upstream = "openai";
  }
  std::string digest() const { return digest_destination(upstream, credential, ""); }
  void add(const char* url) { upstream.other_base_urls.push_back(*http::parse_base_url(url)); }
  std::string pool_key() {
    UpstreamRuntime runtime;
    runtime.resource = &upstream;
    TrustCache trusts(nullptr);
    EXPECT_TRUE(set_destination(runtime, {}, trusts).has_value());
    return runtime.pool_key;
  }
};

// What secrets in stores are bound to: a value that changes unbinds them all.
TEST_F(DestinationTest, TheDigestOfAnUpstreamWithOneBaseUrlIsWhatItHasAlwaysBeen) {
  EXPECT_EQ(digest(), "37f3fb849aaa65054714c8b96e2cc702a2de248142be1e5b64bd641d3480f4b3");
  upstream.base_url = *http::parse_base_url("https://api.openai.example/v1");
  upstream.tls.server_name = "internal.example";
  credential.auth.type = base::Document::Type::kMap;
  credential.auth.entries = {{"name", scalar("x-key")}, {"kind", scalar("header")}};
  EXPECT_EQ(digest_destination(upstream, credential, "c0ffee"),
            "afef9ba83f92543cc5c92bccb84bd92edf598ad51b6913a61b9e6818fcbe8a48");
  upstream.timeouts.total = std::chrono::seconds(1);
  upstream.timeouts.tls = std::chrono::seconds(1);
  EXPECT_EQ(digest_destination(upstream, credential, "c0ffee"),
            "afef9ba83f92543cc5c92bccb84bd92edf598ad51b6913a61b9e6818fcbe8a48");
}

TEST_F(DestinationTest, EveryBaseUrlPinAndLeastVersionDecidesWhereASecretGoes) {
  crypto::Sha256Digest pin{};
  const std::function<void()> changes[] = {
      [] {},
      [&] { add("https://other.example/v1"); },
      [&] { add("https://api.openai.example:8444/v1"); },
      [&] { upstream.other_base_urls.pop_back(); },  // back to two; told apart below
      [&] { upstream.tls.tls13_only = true; },
      [&] { upstream.tls.pins = {pin}; },
      [&] {
        pin[0] = std::byte{1};
        upstream.tls.pins.push_back(pin);
      },
      [&] { upstream.tls.pins.erase(upstream.tls.pins.begin()); },
      [&] { upstream.tls.server_name = "internal.example"; },
      [&] { credential.name = "openai-spare"; },
  };
  std::set<std::string> digests;
  std::set<std::string> keys;
  for (const auto& change : changes) {
    change();
    digests.insert(digest());
    if (credential.name == "openai-main") keys.insert(pool_key());
  }
  EXPECT_EQ(digests.size(), std::size(changes) - 1);
  EXPECT_EQ(keys.size(), std::size(changes) - 2);
}

TEST_F(DestinationTest, TheOrderOfBaseUrlsAndPinsMeansNothing) {
  add("https://other.example/v1");
  add("https://third.example/v1");
  crypto::Sha256Digest pin{};
  upstream.tls.pins.push_back(pin);
  pin[31] = std::byte{1};
  upstream.tls.pins.push_back(pin);
  const std::string before = digest();
  const std::string key = pool_key();
  std::swap(upstream.base_url, upstream.other_base_urls[1]);
  std::swap(upstream.tls.pins[0], upstream.tls.pins[1]);
  upstream.tls.pins.push_back(pin);  // said twice
  EXPECT_EQ(digest(), before);
  EXPECT_EQ(pool_key(), key);
}

TEST_F(DestinationTest, EachEndpointIsVerifiedByItsOwnNameUnlessOneIsGivenForAll) {
  add("https://127.0.0.1/v1");
  add("https://other.example/v1");
  upstream.tls.tls13_only = true;
  UpstreamRuntime runtime;
  runtime.resource = &upstream;
  TrustCache trusts(nullptr);
  ASSERT_TRUE(set_destination(runtime, {}, trusts).has_value());
  const auto& endpoints = *runtime.endpoints;
  ASSERT_EQ(endpoints.size(), 3U);
  EXPECT_EQ(endpoints[0].authority, "api.openai.example:8443");
  EXPECT_EQ(endpoints[0].tls->options().server_name, "api.openai.example");
  EXPECT_TRUE(endpoints[1].tls->options().name_is_ip);
  EXPECT_EQ(endpoints[2].tls->options().server_name, "other.example");
  EXPECT_TRUE(endpoints[2].tls->options().tls13_only);
  EXPECT_EQ(endpoints[0].tls->trust(), endpoints[2].tls->trust());
  EXPECT_NE(endpoints[0].tls, endpoints[2].tls);  // sessions are not shared

  upstream.tls.server_name = "api.internal";
  ASSERT_TRUE(set_destination(runtime, {}, trusts).has_value());
  for (const UpstreamEndpoint& endpoint : *runtime.endpoints)
    EXPECT_EQ(endpoint.tls->options().server_name, "api.internal");
}

}  // namespace
}  // namespace claviger::gateway
