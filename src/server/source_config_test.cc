// SPDX-License-Identifier: Apache-2.0
#include "server/source_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/yaml.h"

namespace claviger::server {
namespace {

using ::testing::HasSubstr;

Result<sources::Options> read(const std::string& text) {
  return read_sources(read_yaml(text, "claviger.yaml")->front());
}
std::string why(const std::string& text) {
  const auto got = read(text);
  return got.has_value() ? "it was taken" : std::string(got.error().what());
}
std::string vault(const std::string& more) {
  return "vault: { address: \"https://vault.example:8200\", " + more + " }";
}
const std::string kToken = "auth: { token: env:VAULT_TOKEN }";

TEST(SourceConfigTest, ReadsWhatThereIsToSay) {
  const auto got = read(R"(
wait: 3s
env: { allow: [OPENAI_KEY] }
file: { poll: 5s, keep: 1h, group_read: true, allow: [/run/secrets/] }
vault:
  address: https://vault.example:8200/base
  namespace: team/a
  auth: { approle: { mount: roles, role_id: "file:/r", secret_id: "env:S" } }
  kv: 1
  refresh: 30s
  keep: 0s
  allow: [{ name: secret/openai, to: [api.openai.com] }]
aws-sm:
  region: eu-central-1
  access_key_id: env:A
  secret_access_key: env:B
)");
  ASSERT_TRUE(got.has_value()) << got.error().what();
  EXPECT_EQ(got->wait, std::chrono::seconds(3));
  EXPECT_TRUE(got->file.group_read);
  EXPECT_EQ(got->vault->address.base.authority, "vault.example:8200");
  EXPECT_EQ(got->vault->app_role.mount, "roles");
  EXPECT_EQ(got->vault->kv, 1U);
  EXPECT_EQ(got->vault->pace.keep.count(), 0);
  EXPECT_EQ(got->aws->address.base.host, "secretsmanager.eu-central-1.amazonaws.com");
  EXPECT_EQ(got->aws->pace, sources::Pace());
}

TEST(SourceConfigTest, RefusesWhatIsNotMeant) {
  EXPECT_THAT(why(vault(kToken + ", tokn: x")), HasSubstr("tokn"));
  EXPECT_THAT(why("vault: { " + kToken + " }"), HasSubstr("address"));
  EXPECT_THAT(why(vault("kv: 2")), HasSubstr("auth"));
  EXPECT_THAT(why(vault("auth: {}")), HasSubstr("sources.vault.auth"));
  EXPECT_THAT(why(vault("auth: { token: hvs.fake }")), HasSubstr("file:PATH or env:NAME"));
  EXPECT_THAT(why(vault("auth: { token: env:T, approle: { role_id: env:R } }")),
              HasSubstr("sources.vault.auth"));
  EXPECT_THAT(why(vault(kToken + ", kv: 3")), HasSubstr("auto, 1 or 2"));
  EXPECT_THAT(why(vault(kToken + ", refresh: 10ms")), HasSubstr("from 1s to 24h"));
  EXPECT_THAT(why(vault(kToken + ", namespace: ../x")), HasSubstr("namespace"));
  EXPECT_THAT(why("vault: { address: \"http://vault.example\", " + kToken + " }"), HasSubstr("in the clear"));
  EXPECT_EQ(why("vault: { address: \"http://127.0.0.1:8200\", " + kToken + " }"), "it was taken");
  EXPECT_THAT(why("aws-sm: { region: \"eu/west\", access_key_id: env:A, secret_access_key: env:B }"),
              HasSubstr("region"));
  EXPECT_THAT(why("aws-sm: { region: eu-west-1, access_key_id: env:A }"), HasSubstr("secret_access_key"));
}

TEST(SourceConfigTest, AllowsNothingByAccident) {
  EXPECT_THAT(why("env: { allow: [\"*\"] }"), HasSubstr("must name something"));
  EXPECT_THAT(why("file: { allow: [\"/\"] }"), HasSubstr("must name something"));
  EXPECT_THAT(why("file: { allow: [\"secrets/\"] }"), HasSubstr("absolute"));
  EXPECT_THAT(why("env: { allow: [\"A*B\"] }"), HasSubstr("must name something"));
  EXPECT_THAT(why("env: { allow: [{ name: A, to: [] }] }"), HasSubstr("empty"));
  EXPECT_THAT(why("env: { allow: A }"), HasSubstr("a list"));
}

}  // namespace
}  // namespace claviger::server
