// SPDX-License-Identifier: Apache-2.0
// Where secrets that lie elsewhere may go.
#include "server/external_sources.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "http/testing/answering_peer.h"
#include "vault/source.h"

namespace claviger::server {
namespace {

struct ExternalSourcesTest : ::testing::Test, http::testing::FetchStand {
  std::unique_ptr<vault::ProcessKey> process_key = *vault::ProcessKey::create(*arena);
  vault::SecretSources secrets{*process_key};
  telemetry::Log log{telemetry::Level::kError, 2, loop().clock()};
  std::unique_ptr<ExternalSources> sources;

  void allow(std::vector<std::string> to) {
    sources::Options options;
    options.allowed.add(
        {.kind = vault::SourceKind::kEnvironment, .what = "FAKE_SECRET", .to = std::move(to)});
    sources = *ExternalSources::create(
        std::move(options),
        {.around = around, .key = *process_key, .secrets = secrets, .log = log, .record = [](auto) {}});
  }
  bool may_go(const std::string& base_url, const std::string& auth = R"({"kind":"bearer"})") {
    policy::UpstreamResource upstream;
    upstream.base_url = *http::parse_base_url(base_url);
    upstream.auth = *base::parse_json(auth, "auth");
    policy::CredentialResource credential;
    credential.from = "env:FAKE_SECRET";
    return sources->check(credential, upstream).has_value();
  }
};

TEST_F(ExternalSourcesTest, ARuleHoldsForItsHostsOverTls) {
  allow({"api.test", "idp.test:8443"});
  EXPECT_TRUE(may_go("https://api.test/v1"));
  EXPECT_FALSE(may_go("https://api.test:444"));
  EXPECT_FALSE(may_go("https://other.test"));
  const auto with = [](const std::string& url) { return R"({"kind":"x","a":{"token_url":")" + url + "\"}}"; };
  EXPECT_TRUE(may_go("https://api.test", with("https://idp.test:8443/token?a=b")));
  for (const char* url :
       {"https://idp.test/token", "https://other.test/", "https://idp.test:8443@other.test/",
        "http://idp.test:8443/token", "ftp://idp.test:8443/"})
    EXPECT_FALSE(may_go("https://api.test", with(url))) << url;
}

// Whoever may write resources may say allow_plaintext: that is not what the rule was made for.
TEST_F(ExternalSourcesTest, WithoutTlsItIsAnotherPlace) {
  allow({"api.test"});
  EXPECT_FALSE(may_go("http://api.test"));
  EXPECT_FALSE(may_go("https://api.test", R"({"kind":"x","token_url":"http://api.test/token"})"));
  allow({"http://api.test"});
  EXPECT_TRUE(may_go("http://api.test"));
  EXPECT_FALSE(may_go("https://api.test"));
}

}  // namespace
}  // namespace claviger::server
