// SPDX-License-Identifier: Apache-2.0
#include "cli/presets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/json.h"
#include "cli/document_fields.h"
#include "gateway/world.h"
#include "policy/explain.h"

namespace claviger::cli {
namespace {

using base::Document;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr WallTime kNow{std::chrono::hours(24 * 365 * 57)};

const Preset& preset(std::string_view name) { return **find_preset(name); }

// What is asked of a preset when nothing is but what it needs.
PresetWishes wishes_for(const Preset& preset) {
  PresetWishes wishes{.name = std::string(preset.name),
                      .base_url = {},
                      .mount = {},
                      .settings = {},
                      .from = {},
                      .principal = "ci",
                      .paths = {"all"}};
  if (preset.base_url.empty()) wishes.base_url = "https://api.example.test";
  if (preset.name == "aws") wishes.settings = {{"service", "s3"}};
  return wishes;
}
PresetResources made(const Preset& preset, const PresetWishes& wishes) {
  auto resources = make_resources(preset, wishes);
  EXPECT_TRUE(resources.has_value()) << preset.name
                                     << (resources.has_value() ? "" : resources.error().what());
  return resources.has_value() ? *std::move(resources) : PresetResources{};
}
std::string refused(const Preset& preset, const PresetWishes& wishes) {
  const auto resources = make_resources(preset, wishes);
  return resources.has_value() ? "taken" : std::string(resources.error().what());
}

// Read by what reads everybody's resources; with the principal that grants are for.
policy::Resources read(const PresetResources& made) {
  policy::Resources resources;
  for (const Document& document : made.documents) {
    std::string json;
    base::append_json(json, document);
    const auto parsed = base::parse_json(json, "preset");
    const auto added = policy::add_resource(*parsed, resources);
    EXPECT_TRUE(added.has_value()) << (added.has_value() ? "" : added.error().what()) << json;
  }
  for (auto& credential : resources.credentials)
    if (credential.from.empty()) credential.from = "env:FAKE";
  policy::PrincipalResource principal;
  principal.name = "ci";
  resources.principals.push_back(principal);
  return resources;
}
void expect_accepted(const PresetResources& made) {
  const auto checked = gateway::check_resources(read(made));
  EXPECT_TRUE(checked.has_value()) << (checked.has_value() ? "" : checked.error().what());
}

// What a gateway with this preset, granted by `paths`, says of a call.
policy::Explanation asked(const Preset& preset, std::string_view paths, std::string_view method,
                          std::string_view path) {
  PresetWishes wishes = wishes_for(preset);
  wishes.paths = {std::string(paths)};
  const auto snapshot = policy::Snapshot::compile(read(made(preset, wishes)), 1);
  EXPECT_TRUE(snapshot.has_value()) << preset.name;
  return policy::explain(**snapshot, "ci", method, std::string(preset.mount) + std::string(path), kNow);
}

// A path that a pattern matches.
std::string example_of(std::string_view pattern) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '*') path += pattern[i];
    else if (path.empty() || path.back() != 'x') path += 'x';
  }
  return path;
}

TEST(Presets, AreWhatIsDocumentedAndHaveNamesOfTheirOwn) {
  std::vector<std::string_view> names;
  std::set<std::string_view> mounts, variables;
  for (const Preset* each : presets()) {
    names.push_back(each->name);
    EXPECT_TRUE(mounts.insert(each->mount).second) << each->mount;
    for (const auto& known : {each->variables, each->parts})
      for (const std::string_view variable : known) {
        EXPECT_TRUE(variables.insert(variable).second) << variable;
        EXPECT_EQ(preset_of_variable(variable), each);
      }
    EXPECT_THAT(std::string(each->sdk), HasSubstr("{gateway}")) << each->name;
    EXPECT_FALSE(each->auths.empty());
    EXPECT_EQ(each->auths.back().needs, "") << each->name;
  }
  EXPECT_THAT(names, ElementsAre("openai", "anthropic", "gemini", "github", "gitlab", "stripe", "aws",
                                 "technitium", "zadara-vpsa", "zadara-object", "generic"));
  EXPECT_EQ(preset_of_variable("PATH"), nullptr);
  EXPECT_THAT(std::string(find_preset("opanai").error().what()),
              AllOf(HasSubstr("'opanai'"), HasSubstr("openai, ")));
}

TEST(Presets, MakeWhatTheGatewayAcceptsInEveryWayToProveIdentity) {
  for (const Preset* each : presets()) {
    for (const PresetAuth& auth : each->auths) {
      PresetWishes wishes = wishes_for(*each);
      if (!auth.needs.empty()) wishes.settings.emplace_back(auth.needs, "x-fake");
      const PresetResources resources = made(*each, wishes);
      expect_accepted(resources);
      EXPECT_EQ(resources.secret, auth.secret);
      EXPECT_EQ(text_member(resources.documents.front(), "mount"), each->mount);
    }
    for (const PresetPaths& set : each->paths) {
      PresetWishes wishes = wishes_for(*each);
      wishes.paths = {std::string(set.name)};
      expect_accepted(made(*each, wishes));
    }
  }
}

TEST(Presets, DenyEverythingThatTheySayWhateverIsGranted) {
  for (const Preset* each : presets())
    for (const std::string_view pattern : each->denied)
      for (const std::string_view method : {"GET", "POST", "PUT", "DELETE"}) {
        const auto said = asked(*each, "all", method, example_of(pattern));
        EXPECT_FALSE(said.allowed) << each->name << " " << pattern;
        EXPECT_THAT(said.reason, HasSubstr("deny_paths")) << pattern;
      }
}

TEST(Presets, AllowEveryPathThatIsWorthGranting) {
  for (const Preset* each : presets())
    for (const PresetPaths& set : each->paths)
      for (const PresetRule& rule : set.rules)
        for (const std::string_view pattern : rule.paths) {
          const std::string_view method = rule.methods.empty() ? "PATCH" : rule.methods.front();
          const auto said = asked(*each, set.name, method, example_of(pattern));
          EXPECT_TRUE(said.allowed) << each->name << " " << set.name << " " << pattern << ": " << said.reason;
        }
}

struct Asked {
  std::string_view preset, paths, method, path;
};

TEST(Presets, LetNobodyMintACredential) {
  constexpr Asked kMinting[] = {
      {"openai", "all", "POST", "/v1/organization/admin_api_keys"},
      {"openai", "all", "POST", "/v1/organization/projects/proj_1/service_accounts"},
      {"openai", "all", "POST", "/v1/organization/projects/proj_1/api_keys"},
      {"openai", "all", "POST", "/v1/realtime/client_secrets"},
      {"openai", "all", "POST", "/v1/Organization/admin_api_keys/"},
      {"anthropic", "all", "POST", "/v1/organizations/api_keys/apikey_1"},
      {"anthropic", "all", "POST", "/api/oauth/claude_cli/create_api_key"},
      {"gemini", "all", "POST", "/v1alpha/auth_tokens"},
      {"gemini", "all", "POST", "/v1beta/tunedModels/x/permissions"},
      {"github", "all", "POST", "/applications/Iv1/token/scoped"},
      {"github", "all", "POST", "/app/installations/1/access_tokens"},
      {"github", "all", "POST", "/repos/o/r/keys"},
      {"github", "all", "POST", "/user/keys"},
      {"github", "all", "POST", "/repos/o/r/actions/runners/registration-token"},
      {"github", "all", "POST", "/orgs/o/actions/runners/generate-jitconfig"},
      {"github", "all", "PUT", "/repos/o/r/collaborators/somebody"},
      {"gitlab", "all", "POST", "/api/v4/users/1/personal_access_tokens"},
      {"gitlab", "all", "POST", "/api/v4/users/1/personal_access_tokens.json"},
      {"gitlab", "all", "POST", "/api/v4/personal_access_tokens/self/rotate"},
      {"gitlab", "all", "POST", "/api/v4/projects/group%2Fname/access_tokens"},
      {"gitlab", "all", "POST", "/api/v4/groups/1/access_tokens/2/rotate"},
      {"gitlab", "all", "POST", "/api/v4/projects/1/deploy_keys"},
      {"gitlab", "all", "POST", "/api/v4/user/runners"},
      {"gitlab", "all", "POST", "/api/graphql"},
      {"gitlab", "all", "GET", "/api/v4/projects/1/variables/DEPLOY_KEY"},
      {"stripe", "all", "POST", "/v1/ephemeral_keys"},
      {"stripe", "all", "POST", "/v1/terminal/connection_tokens"},
      {"stripe", "all", "POST", "/v1/webhook_endpoints"},
      {"technitium", "all", "POST", "/api/user/createToken"},
      {"technitium", "all", "POST", "/API/User/CreateToken"},
      {"technitium", "all", "GET", "/api/user/session/get"},
      {"technitium", "all", "GET", "/api/admin/sessions/createToken"},
      {"technitium", "all", "GET", "/api/settings/backup"},
      {"zadara-vpsa", "all", "POST", "/api/users/login.json"},
      {"zadara-vpsa", "all", "GET", "/api/users.json"},
      {"zadara-vpsa", "all", "GET", "/api/users.xml"},
      {"zadara-object", "all", "GET", "/auth/v1.0"},
      {"zadara-object", "all", "POST", "/v3/auth/tokens"},
  };
  for (const Asked& each : kMinting) {
    const auto said = asked(preset(each.preset), each.paths, each.method, each.path);
    EXPECT_THAT(said.reason, HasSubstr("deny_paths")) << each.preset << " " << each.path;
  }
}

TEST(Presets, LetThroughWhatPeopleDo) {
  constexpr Asked kUsual[] = {
      {"openai", "inference", "POST", "/v1/chat/completions"},
      {"openai", "inference", "POST", "/v1/responses"},
      {"openai", "inference", "POST", "/v1/audio/transcriptions"},
      {"openai", "inference", "GET", "/v1/models"},
      {"openai", "files", "DELETE", "/v1/files/file-1"},
      {"anthropic", "inference", "POST", "/v1/messages"},
      {"anthropic", "batches", "GET", "/v1/messages/batches/b_1/results"},
      {"gemini", "inference", "POST", "/v1beta/models/gemini-2.5-pro:streamGenerateContent"},
      {"github", "read", "GET", "/repos/o/r/contents/README.md"},
      {"github", "issues", "POST", "/repos/o/r/issues/1/comments"},
      {"github", "all", "POST", "/graphql"},
      {"gitlab", "read", "GET", "/api/v4/projects/group%2Fname"},
      {"gitlab", "pipelines", "POST", "/api/v4/projects/1/pipeline"},
      {"stripe", "read", "GET", "/v1/charges/ch_1"},
      {"stripe", "payments", "POST", "/v1/payment_intents/pi_1/capture"},
      {"aws", "read", "GET", "/bucket/key"},
      {"technitium", "records", "POST", "/api/zones/records/add"},
      {"zadara-vpsa", "read", "GET", "/api/volumes.json"},
      {"zadara-vpsa", "provision", "POST", "/api/volumes/volume-00000001/expand.json"},
      {"zadara-object", "read", "GET", "/bucket/auth/v1.0"},
      {"generic", "read", "GET", "/any/thing"},
  };
  for (const Asked& each : kUsual) {
    const auto said = asked(preset(each.preset), each.paths, each.method, each.path);
    EXPECT_TRUE(said.allowed) << each.preset << " " << each.path << ": " << said.reason;
  }
  EXPECT_FALSE(asked(preset("openai"), "inference", "POST", "/v1/files").allowed);
  EXPECT_FALSE(asked(preset("github"), "read", "POST", "/repos/o/r/issues").allowed);
}

TEST(Presets, GiveTheExternalDnsDoorTheCallsThatItMakesAndNoOther) {
  const auto said = [](std::string_view method, std::string_view path) {
    return asked(preset("technitium"), "externaldns", method, path).allowed;
  };
  for (const std::string_view path : {"/api/zones/list", "/api/zones/records/get", "/api/zones/records/add",
                                      "/api/zones/records/update", "/api/zones/records/delete"}) {
    EXPECT_TRUE(said("POST", path)) << path;
    EXPECT_FALSE(said("GET", path)) << path;
  }
  for (const std::string_view path :
       {"/api/zones/records/import", "/api/zones/create", "/api/zones/delete", "/api/zones/import",
        "/api/zones/options/get", "/api/zones/records/get/more", "/api/dashboard/stats/get"})
    EXPECT_FALSE(said("POST", path)) << path;
}

TEST(Presets, TakeNameMountAndBaseUrlOfOnesOwn) {
  PresetWishes wishes{.name = "openai-eu",
                      .base_url = "https://eu.api.openai.com/",
                      .mount = {},
                      .settings = {},
                      .from = {},
                      .principal = {},
                      .paths = {}};
  PresetResources resources = made(preset("openai"), wishes);
  ASSERT_EQ(resources.documents.size(), 2U);
  EXPECT_EQ(text_member(resources.documents[0], "mount"), "/openai-eu");
  EXPECT_EQ(text_member(resources.documents[0], "base_url"), "https://eu.api.openai.com");
  EXPECT_EQ(resources.credential, "openai-eu-main");
  EXPECT_EQ(text_member(resources.documents[1], "upstream"), "openai-eu");
  EXPECT_EQ(member(resources.documents[1], "from"), nullptr);
  wishes.mount = "/ai";
  wishes.from = "env:OPENAI_API_KEY";
  resources = made(preset("openai"), wishes);
  EXPECT_EQ(text_member(resources.documents[0], "mount"), "/ai");
  EXPECT_EQ(text_member(resources.documents[1], "from"), "env:OPENAI_API_KEY");
}

TEST(Presets, RefuseABaseUrlThatTheirPathsDoNotFit) {
  PresetWishes wishes = wishes_for(preset("openai"));
  wishes.base_url = "https://api.openai.com/v1/";
  EXPECT_THAT(refused(preset("openai"), wishes), HasSubstr("ends before /v1"));
  wishes = wishes_for(preset("technitium"));
  wishes.base_url = "https://dns.example.test:53443/api";
  EXPECT_THAT(refused(preset("technitium"), wishes), HasSubstr("ends before /api"));
  wishes.base_url = "";
  EXPECT_THAT(refused(preset("technitium"), wishes), HasSubstr("needs --base-url"));
}

TEST(Presets, FillSettingsInWithinTheTextsThatTheyStandIn) {
  PresetWishes wishes = wishes_for(preset("aws"));
  wishes.settings = {{"service", "bedrock"}, {"region", "eu-central-1"}, {"endpoint", "bedrock-runtime"}};
  EXPECT_EQ(text_member(made(preset("aws"), wishes).documents[0], "base_url"),
            "https://bedrock-runtime.eu-central-1.amazonaws.com");
  wishes.settings = {{"service", "s3"}};
  EXPECT_EQ(text_member(made(preset("aws"), wishes).documents[0], "base_url"),
            "https://s3.us-east-1.amazonaws.com");
  wishes = wishes_for(preset("generic"));
  wishes.settings = {{"username", R"(x","kind":"bearer)"}};
  const PresetResources resources = made(preset("generic"), wishes);
  const Document* auth = member(resources.documents[0], "auth");
  EXPECT_EQ(text_member(*auth, "kind"), "basic");
  EXPECT_EQ(text_member(*auth, "username"), R"(x","kind":"bearer)");
}

TEST(Presets, SayWhatIsWrongWithASetting) {
  PresetWishes wishes = wishes_for(preset("aws"));
  wishes.settings = {};
  EXPECT_THAT(refused(preset("aws"), wishes), HasSubstr("needs --set service="));
  for (const char* service : {"sts", "iam"}) {
    wishes.settings = {{"service", service}};
    EXPECT_THAT(refused(preset("aws"), wishes), HasSubstr("makes credentials")) << service;
  }
  wishes.settings = {{"service", "s3"}, {"colour", "red"}};
  EXPECT_THAT(refused(preset("aws"), wishes),
              AllOf(HasSubstr("no setting 'colour'"), HasSubstr("service, region, endpoint")));
  wishes.settings = {{"service", "s3"}, {"service", "sts"}};
  EXPECT_THAT(refused(preset("aws"), wishes), HasSubstr("twice"));
  wishes.settings = {{"service", ""}};
  EXPECT_THAT(refused(preset("aws"), wishes), HasSubstr("no value"));
  wishes = wishes_for(preset("openai"));
  wishes.paths = {"everything"};
  EXPECT_THAT(refused(preset("openai"), wishes),
              AllOf(HasSubstr("no paths 'everything'"), HasSubstr("inference, read, files, all")));
  wishes.principal = "";
  EXPECT_THAT(refused(preset("openai"), wishes), HasSubstr("say to whom"));
  wishes.name = "Not a name";
  EXPECT_THAT(refused(preset("openai"), wishes), HasSubstr("1 to 64"));
}

TEST(Presets, OpenPrivateNetworksAndCasOfOnesOwnWhereAsked) {
  PresetWishes wishes = wishes_for(preset("technitium"));
  wishes.base_url = "http://10.0.0.5:5380";
  wishes.settings = {{"allow_private_addresses", "10.0.0.0/8,fd00::/8"}, {"allow_plaintext", "true"}};
  expect_accepted(made(preset("technitium"), wishes));
  wishes.base_url = "https://10.0.0.5:5380";
  wishes.settings = {{"allow_private_addresses", "true"}, {"ca", "/etc/claviger/dns-ca.pem"}};
  const PresetResources resources = made(preset("technitium"), wishes);
  EXPECT_EQ(text_member(*member(resources.documents[0], "tls"), "ca"), "/etc/claviger/dns-ca.pem");
}

TEST(Presets, GrantEachRuleOfASetByItself) {
  PresetWishes wishes = wishes_for(preset("openai"));
  wishes.paths = {"inference", "files"};
  const PresetResources resources = made(preset("openai"), wishes);
  std::vector<std::string> names;
  for (std::size_t i = 2; i < resources.documents.size(); ++i)
    names.emplace_back(text_member(resources.documents[i], "name"));
  EXPECT_THAT(names, ElementsAre("ci-openai-inference", "ci-openai-inference-2", "ci-openai-files"));
  wishes.principal = std::string(64, 'p');
  for (const Document& document : made(preset("openai"), wishes).documents)
    if (text_member(document, "kind") == "grant")
      EXPECT_EQ(member(document, "name"), nullptr) << "the gateway makes one up";
}

}  // namespace
}  // namespace claviger::cli
