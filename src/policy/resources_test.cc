// SPDX-License-Identifier: Apache-2.0
#include "policy/resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "policy/testing/documents.h"

namespace claviger::policy {
namespace {

using testing::Entries;
using testing::list;
using testing::map;
using testing::text;

const std::string kHash = "sha256:" + std::string(64, 'a');  // of no key

// `base` with its fields replaced or added by `changes`; a null one takes its field away.
base::Document changed(Entries base, Entries changes) {
  for (auto& change : changes) {
    base::Document& value = change.second;
    const auto same = [&](const auto& entry) { return entry.first == change.first; };
    const auto at = std::ranges::find_if(base, same);
    if (value.type == base::Document::Type::kNull) {
      std::erase_if(base, same);
    } else if (at == base.end()) {
      base.emplace_back(change.first, std::move(value));
    } else {
      at->second = std::move(value);
    }
  }
  return map(std::move(base));
}

base::Document upstream(Entries changes = {}) {
  return changed({{"kind", text("upstream")},
                  {"name", text("openai")},
                  {"mount", text("/openai")},
                  {"base_url", text("https://api.openai.test/v1")},
                  {"auth", map({{"kind", text("bearer")}})}},
                 std::move(changes));
}
base::Document credential(Entries changes = {}) {
  return changed({{"kind", text("credential")},
                  {"name", text("openai-main")},
                  {"upstream", text("openai")},
                  {"from", text("env:FAKE_API_KEY")}},
                 std::move(changes));
}
base::Document principal(Entries changes = {}) {
  return changed({{"kind", text("principal")}, {"name", text("billing")}}, std::move(changes));
}
base::Document api_key(Entries changes = {}) {
  return changed({{"kind", text("api_key")},
                  {"name", text("7f3k9x2m")},
                  {"principal", text("billing")},
                  {"hash", text(kHash)}},
                 std::move(changes));
}
base::Document grant(Entries changes = {}) {
  return changed({{"kind", text("grant")}, {"principal", text("billing")}, {"upstream", text("openai")}},
                 std::move(changes));
}

Resources read(const base::Document& document) {
  Resources out;
  const auto added = add_resource(document, out);
  EXPECT_TRUE(added.has_value()) << (added.has_value() ? "" : added.error().what());
  return out;
}

// The error that a resource is refused with; "" when it is not.
std::string refusal(const base::Document& document) {
  Resources out;
  const auto added = add_resource(document, out);
  if (added.has_value()) return "";
  EXPECT_EQ(added.error().code(), Code::kInvalid);
  EXPECT_TRUE(added.error().what().starts_with("test.yaml:")) << added.error().what();
  EXPECT_TRUE(out.upstreams.empty() && out.credentials.empty() && out.principals.empty() &&
              out.api_keys.empty() && out.grants.empty());
  return std::string(added.error().what());
}

#define CLV_EXPECT_SAYS(document, part) EXPECT_THAT(refusal(document), ::testing::HasSubstr(part))

TEST(Resource, ListsTheKindsWhenThereIsNoSuchOne) {
  EXPECT_EQ(
      refusal(map({{"kind", text("upsteam")}}, 12)),
      "test.yaml:12: no kind is named 'upsteam'; there are: upstream, credential, principal, api_key, grant");
  CLV_EXPECT_SAYS(map({{"name", text("x")}}, 3), "test.yaml:3: a resource has a kind");
  CLV_EXPECT_SAYS(map({{"kind", list({"upstream"})}}), "kind");
  base::Document scalar = map({{"x", text("y")}}).entries[0].second;
  CLV_EXPECT_SAYS(scalar, "a resource is a map");
}

TEST(Resource, RefusesWhatItDoesNotKnowInEveryKind) {
  for (const auto& document :
       {upstream({{"mout", text("/x")}}), principal({{"mout", text("/x")}}),
        credential({{"mout", text("/x")}}), api_key({{"mout", text("/x")}}), grant({{"mout", text("/x")}})}) {
    CLV_EXPECT_SAYS(document, "mout");
  }
}

TEST(Resource, IsReadAsTheKindThatItSays) {
  for (const auto& [document, kind, name] :
       {std::tuple(upstream(), Kind::kUpstream, "openai"),
        std::tuple(credential(), Kind::kCredential, "openai-main"),
        std::tuple(principal(), Kind::kPrincipal, "billing"),
        std::tuple(api_key(), Kind::kApiKey, "7f3k9x2m"),
        std::tuple(grant({{"name", text("chat")}}), Kind::kGrant, "chat")}) {
    const auto resource = read_resource(document);
    ASSERT_TRUE(resource.has_value()) << resource.error().what();
    EXPECT_EQ(kind_of(*resource), kind);
    EXPECT_EQ(name_of(*resource), name);
    EXPECT_EQ(parse_kind(kind_name(kind)), kind);
    EXPECT_EQ(parse_kind(plural_name(kind)), kind);
  }
  EXPECT_EQ(kind_name(Kind::kApiKey), "api_key");
  EXPECT_EQ(plural_name(Kind::kApiKey), "api_keys");
  EXPECT_EQ(parse_kind("apikey"), std::nullopt);
  CLV_EXPECT_SAYS(map({{"kind", text("grants")}}), "no kind is named 'grants'");
}

// State is for management to set, by operations of their own.
TEST(Resource, CannotSayWhatOnlyManagementSets) {
  for (const char* field : {"state", "version", "status"}) {
    CLV_EXPECT_SAYS(credential({{field, text("1")}}), field);
  }
  for (const char* field : {"revoked", "status"}) CLV_EXPECT_SAYS(api_key({{field, text("false")}}), field);
}

TEST(Upstream, IsReadWithItsDefaults) {
  const UpstreamResource read_back = read(upstream()).upstreams.at(0);
  EXPECT_EQ(read_back.name, "openai");
  EXPECT_EQ(read_back.mount, "/openai");
  EXPECT_EQ(read_back.base_url.host, "api.openai.test");
  EXPECT_EQ(read_back.base_url.path, "/v1");
  EXPECT_EQ(read_back.auth.entries.at(0).second.scalar, "bearer");
  EXPECT_FALSE(read_back.allow_private_addresses.all);
  EXPECT_FALSE(read_back.allow_plaintext);
  EXPECT_EQ(read_back.encoded_slash, EncodedSlash::kRefuse);
  EXPECT_EQ(read_back.timeouts.connect, std::chrono::seconds(10));
  EXPECT_TRUE(read_back.answers.mask);
  EXPECT_FALSE(read_back.answers.pass_cookies);
  EXPECT_EQ(read_back.place.line, 1u);
}

TEST(Upstream, IsReadWithAllItsSettings) {
  const UpstreamResource read_back =
      read(upstream(
               {{"allow_private_addresses", list({"10.0.0.0/8", "fd00::/8"})},
                {"encoded_slash", text("opaque")},
                {"answers", map({{"mask", text("false")}, {"cookies", text("pass")}})},
                {"tls", map({{"ca", text("/etc/fake/ca.pem")}, {"server_name", text("api.internal.test")}})},
                {"timeouts",
                 map({{"connect", text("250ms")}, {"first_byte", text("5m")}, {"idle", text("1h")}})}}))
          .upstreams.at(0);
  EXPECT_EQ(read_back.allow_private_addresses.ranges.size(), 2u);
  EXPECT_EQ(read_back.encoded_slash, EncodedSlash::kOpaque);
  EXPECT_FALSE(read_back.answers.mask);
  EXPECT_TRUE(read_back.answers.pass_cookies);
  EXPECT_EQ(read_back.tls.ca, "/etc/fake/ca.pem");
  EXPECT_EQ(read_back.tls.server_name, "api.internal.test");
  EXPECT_EQ(read_back.timeouts.connect, std::chrono::milliseconds(250));
  EXPECT_EQ(read_back.timeouts.first_byte, std::chrono::minutes(5));
  EXPECT_EQ(read_back.timeouts.idle, std::chrono::hours(1));
}

TEST(Upstream, RefusesPlaintextUnlessItIsSaid) {
  CLV_EXPECT_SAYS(upstream({{"base_url", text("http://api.test")}}), "allow_plaintext");
  EXPECT_EQ(refusal(upstream({{"base_url", text("http://api.test")}, {"allow_plaintext", text("true")}})),
            "");
}

TEST(Upstream, RefusesAPrivateAddressUnlessItIsAllowed) {
  const auto at = [](const char* url, base::Document allowed) {
    return upstream({{"base_url", text(url)}, {"allow_private_addresses", std::move(allowed)}});
  };
  CLV_EXPECT_SAYS(upstream({{"base_url", text("https://10.1.2.3")}}), "allow_private_addresses: [10.1.2.3]");
  CLV_EXPECT_SAYS(at("https://169.254.169.254", list({"10.0.0.0/8"})), "private or special-purpose");
  EXPECT_EQ(refusal(at("https://10.1.2.3", list({"10.0.0.0/8"}))), "");
  EXPECT_EQ(refusal(at("https://[::1]:8443", text("true"))), "");
  CLV_EXPECT_SAYS(at("https://api.test", text("10.0.0.0/8")), "true, false or a list");
  CLV_EXPECT_SAYS(at("https://api.test", list({"10.0.0.1/8"})), "allow_private_addresses");
}

TEST(Upstream, RefusesMountsThatAreNoPlainPath) {
  for (const char* mount : {"", "/", "openai", "/openai/", "//openai", "/a//b", "/a/../b", "/.", "/a b",
                            "/a%2Fb", "/a*", "/a?b", "/1/2/3/4/5", "/caf\xc3\xa9"}) {
    CLV_EXPECT_SAYS(upstream({{"mount", text(mount)}}), "mount");
  }
  CLV_EXPECT_SAYS(upstream({{"mount", text("/" + std::string(128, 'a'))}}), "mount");
  EXPECT_EQ(refusal(upstream({{"mount", text("/1/2/3/4")}})), "");
}

TEST(Upstream, RefusesTimeoutsOutOfBounds) {
  for (const char* duration : {"0ms", "25h", "10", "-1s", ""}) {
    CLV_EXPECT_SAYS(upstream({{"timeouts", map({{"idle", text(duration)}})}}), "idle");
  }
  CLV_EXPECT_SAYS(upstream({{"timeouts", map({{"ilde", text("1s")}})}}), "ilde");
}

TEST(Upstream, RefusesTlsSettingsThatMeanNothing) {
  CLV_EXPECT_SAYS(upstream({{"base_url", text("http://api.test")},
                            {"allow_plaintext", text("true")},
                            {"tls", map({{"ca", text("/x")}})}}),
                  "tls has no meaning");
  for (const char* name : {"api.test:443", "API.test", "api.test/x", "https://api.test", "a b"}) {
    CLV_EXPECT_SAYS(upstream({{"tls", map({{"server_name", text(name)}})}}), "server_name");
  }
}

TEST(Upstream, TakesSeveralBaseUrlsOfOneApi) {
  const auto with = [](std::vector<std::string> urls, Entries more = {}) {
    more.emplace_back("base_url", base::Document());
    more.emplace_back("base_urls", list(std::move(urls)));
    return upstream(std::move(more));
  };
  const UpstreamResource several =
      read(with({"https://a.test/v1", "https://b.test/v1", "https://a.test:8443/v1/"})).upstreams.at(0);
  EXPECT_EQ(several.base_url.authority, "a.test");
  ASSERT_EQ(several.other_base_urls.size(), 2U);
  EXPECT_EQ(several.other_base_urls[0].host, "b.test");
  EXPECT_EQ(several.other_base_urls[1].authority, "a.test:8443");
  EXPECT_TRUE(read(with({"https://a.test"})).upstreams.at(0).other_base_urls.empty());

  CLV_EXPECT_SAYS(with({}), "1 to 16");
  CLV_EXPECT_SAYS(with(std::vector<std::string>(17, "https://a.test")), "1 to 16");
  CLV_EXPECT_SAYS(with({"https://a.test", "https://a.test:443"}), "twice");
  CLV_EXPECT_SAYS(with({"https://a.test", "https://b.test", "https://B.test"}), "twice");
  CLV_EXPECT_SAYS(with({"https://a.test/v1", "https://b.test/v2"}), "same path");
  CLV_EXPECT_SAYS(with({"https://a.test", "http://b.test"}, {{"allow_plaintext", text("true")}}),
                  "same scheme");
  CLV_EXPECT_SAYS(with({"https://a.test", "http://b.test"}), "allow_plaintext");
  CLV_EXPECT_SAYS(with({"https://a.test", "https://10.1.2.3"}), "allow_private_addresses: [10.1.2.3]");
  CLV_EXPECT_SAYS(with({"https://a.test", "https://user:fake@b.test"}), "user information");
  CLV_EXPECT_SAYS(upstream({{"base_urls", list({"https://a.test"})}}), "either base_url or base_urls");
  CLV_EXPECT_SAYS(upstream({{"base_url", base::Document()}}), "base_url");
  CLV_EXPECT_SAYS(upstream({{"base_url", base::Document()}, {"base_urls", text("https://a.test")}}),
                  "a list");
}

TEST(Upstream, TakesPinsInBothSpellingsAndAMinimumVersion) {
  const auto with = [](std::string key, base::Document value) {
    return upstream({{"tls", map({{std::move(key), std::move(value)}})}});
  };
  const std::string base64 = "sha256/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
  const std::string hex = "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
  const UpstreamTls tls = read(with("pins", list({base64, hex}))).upstreams.at(0).tls;
  ASSERT_EQ(tls.pins.size(), 2U);
  EXPECT_EQ(tls.pins[0], tls.pins[1]);
  EXPECT_EQ(tls.pins[0][31], std::byte{31});
  EXPECT_FALSE(tls.tls13_only);
  EXPECT_TRUE(read(with("min_version", text("1.3"))).upstreams.at(0).tls.tls13_only);
  EXPECT_FALSE(read(with("min_version", text("1.2"))).upstreams.at(0).tls.tls13_only);

  CLV_EXPECT_SAYS(with("min_version", text("1.1")), "1.2, 1.3");
  CLV_EXPECT_SAYS(with("pins", list({})), "1 to 16");
  CLV_EXPECT_SAYS(with("pins", list(std::vector<std::string>(17, hex))), "1 to 16");
  for (const std::string& pin :
       {std::string("sha256/"), std::string("sha256"), std::string(), hex.substr(0, 70), hex + "00",
        base64.substr(0, 50), base64 + "=", std::string("sha1/AAECAwQFBgcICQoLDA0ODxAREhM="),
        "sha256/" + std::string(44, 'A'), "sha256/" + std::string(44, '*'), "sha256:" + base64.substr(7)})
    CLV_EXPECT_SAYS(with("pins", list({pin})), "a pin is");
}

TEST(Upstream, CutsDefaultTimeOutsToWhatTheyAreAPartOf) {
  const auto with = [](Entries timeouts) { return upstream({{"timeouts", map(std::move(timeouts))}}); };
  UpstreamTimeouts timeouts = read(with({{"total", text("2s")}})).upstreams.at(0).timeouts;
  EXPECT_EQ(timeouts.connect, std::chrono::seconds(2));
  EXPECT_EQ(timeouts.tls, std::chrono::seconds(2));
  EXPECT_EQ(timeouts.first_byte, std::chrono::seconds(2));
  EXPECT_EQ(timeouts.idle, std::chrono::seconds(2));
  timeouts = read(with({{"idle", text("24h")}, {"tls", text("7s")}})).upstreams.at(0).timeouts;
  EXPECT_EQ(timeouts.total, std::chrono::hours(24));
  EXPECT_EQ(timeouts.tls, std::chrono::seconds(7));
  EXPECT_EQ(read(upstream()).upstreams.at(0).timeouts.total, std::chrono::hours(12));

  CLV_EXPECT_SAYS(with({{"tls", text("11s")}}), "tls is a part of connect");
  CLV_EXPECT_SAYS(with({{"total", text("1s")}, {"first_byte", text("2s")}}), "first_byte is a part of total");
  CLV_EXPECT_SAYS(with({{"total", text("0s")}}), "total");
}

TEST(Credential, TellsWhereASecretBelongs) {
  for (const char* slip : {"secret", "value", "token", "key", "password", "api_key"}) {
    const std::string said = refusal(credential({{slip, text("fake-secret")}}));
    EXPECT_THAT(said, ::testing::HasSubstr("a secret never stands in a resource"));
    EXPECT_THAT(said, ::testing::HasSubstr("`claviger credential set`, in side-car mode say from: env:NAME"));
    EXPECT_THAT(said, ::testing::Not(::testing::HasSubstr("fake-secret")));
    CLV_EXPECT_SAYS(credential({{"auth", map({{"kind", text("bearer")}, {slip, text("fake-secret")}})}}),
                    "a secret never stands");
  }
}

TEST(Credential, IsRead) {
  const CredentialResource read_back = read(credential()).credentials.at(0);
  EXPECT_EQ(read_back.name, "openai-main");
  EXPECT_EQ(read_back.upstream, "openai");
  EXPECT_EQ(read_back.from, "env:FAKE_API_KEY");
  EXPECT_EQ(read_back.auth.type, base::Document::Type::kNull);
}

TEST(Principal, IsRead) {
  const PrincipalResource read_back = read(principal({{"type", text("agent")},
                                                      {"roles", list({"readers", "writers"})},
                                                      {"disabled", text("true")}}))
                                          .principals.at(0);
  EXPECT_EQ(read_back.type, "agent");
  EXPECT_EQ(read_back.roles, (std::vector<std::string>{"readers", "writers"}));
  EXPECT_TRUE(read_back.disabled);
  CLV_EXPECT_SAYS(principal({{"type", text("robot")}}), "service, agent, user");
  CLV_EXPECT_SAYS(principal({{"roles", text("readers")}}), "roles is a list");
  CLV_EXPECT_SAYS(principal({{"roles", list({"Readers"})}}), "role");
  CLV_EXPECT_SAYS(principal({{"roles", list(std::vector<std::string>(33, "r"))}}), "32");
  CLV_EXPECT_SAYS(principal({{"name", text("Billing Service")}}), "name");
}

TEST(Principal, HasNamesInCertificates) {
  const std::vector<std::string> names{"dns:ci.example.com", "uri:spiffe://example.com/ci",
                                       "sha256:" + std::string(64, 'a')};
  EXPECT_EQ(read(principal({{"certificates", list(names)}})).principals.at(0).certificates, names);
  EXPECT_TRUE(read(principal()).principals.at(0).certificates.empty());
  CLV_EXPECT_SAYS(principal({{"certificates", list({"ci.example.com"})}}),
                  "begins with dns:, uri:, email: or sha256:");
  CLV_EXPECT_SAYS(principal({{"certificates", list({"dns:*.example.com"})}}), "without '*'");
  CLV_EXPECT_SAYS(principal({{"certificates", text("dns:ci")}}), "certificates is a list");
  CLV_EXPECT_SAYS(principal({{"certificates", list({})}}), "leave it out");
  CLV_EXPECT_SAYS(principal({{"certificates", list(std::vector<std::string>(33, "dns:ci"))}}), "32");
}

TEST(Principal, MayManageOnlyWhenItIsSaid) {
  EXPECT_EQ(read(principal()).principals.at(0).management, Management::kNone);
  EXPECT_EQ(read(principal({{"management", text("none")}})).principals.at(0).management, Management::kNone);
  EXPECT_EQ(read(principal({{"management", text("read")}})).principals.at(0).management, Management::kRead);
  EXPECT_EQ(read(principal({{"management", text("admin")}})).principals.at(0).management, Management::kAdmin);
  for (const char* word : {"", "Admin", "true", "write", "all"}) {
    CLV_EXPECT_SAYS(principal({{"management", text(word)}}), "none, read, admin");
  }
  CLV_EXPECT_SAYS(principal({{"management", list({"admin"})}}), "management");
}

TEST(ApiKey, IsRead) {
  const ApiKeyResource read_back =
      read(api_key({{"cidrs", list({"10.0.0.0/8"})}, {"expires", text("2001-01-01T00:00:00Z")}}))
          .api_keys.at(0);
  EXPECT_EQ(read_back.name, "7f3k9x2m");
  EXPECT_EQ(read_back.hash[0], std::byte{0xaa});
  EXPECT_EQ(read_back.cidrs.size(), 1u);
  ASSERT_TRUE(read_back.expires.has_value());  // an expired key is fine: it is one that is refused
}

TEST(ApiKey, RefusesWhatCouldNotBeMeant) {
  CLV_EXPECT_SAYS(api_key({{"name", text("7F3K9X2M")}}), "8 of 0-9 and a-z");
  CLV_EXPECT_SAYS(api_key({{"name", text("7f3k9x2")}}), "8 of 0-9 and a-z");
  CLV_EXPECT_SAYS(api_key({{"hash", text(std::string(64, 'a'))}}), "sha256:");
  CLV_EXPECT_SAYS(api_key({{"hash", text("sha256:abc")}}), "sha256:");
  CLV_EXPECT_SAYS(api_key({{"hash", {}}}), "hash");
  CLV_EXPECT_SAYS(api_key({{"cidrs", list({})}}), "cidrs is an empty list");
  CLV_EXPECT_SAYS(api_key({{"cidrs", list({"10.0.0.0/33"})}}), "cidrs");
  CLV_EXPECT_SAYS(api_key({{"expires", text("tomorrow")}}), "expires");
  const std::string said = refusal(api_key({{"name", text("clv_7f3k9x2m_fake")}}));
  EXPECT_THAT(said, ::testing::HasSubstr("looks like the key itself"));
  EXPECT_THAT(said, ::testing::Not(::testing::HasSubstr("clv_7f3k9x2m_fake")));
}

TEST(Grant, IsRead) {
  const GrantResource read_back = read(grant({{"name", text("billing-chat")},
                                              {"methods", list({"POST", "GET", "M-SEARCH"})},
                                              {"paths", list({"/v1/chat/**", "/v1/models"})},
                                              {"rate", text("600/min")},
                                              {"expires", text("2027-01-01T00:00:00Z")}}))
                                      .grants.at(0);
  EXPECT_EQ(read_back.name, "billing-chat");
  EXPECT_EQ(read_back.methods.size(), 3u);
  EXPECT_EQ(read_back.paths.at(0).text(), "/v1/chat/**");
  EXPECT_EQ(read_back.rate, (Rate{.calls = 600, .window = std::chrono::seconds(60)}));
  EXPECT_TRUE(read_back.expires.has_value());
}

TEST(Grant, HasAQuotaBesidesItsRate) {
  const GrantResource read_back =
      read(grant({{"rate", text("10/s")}, {"quota", text("100000/d")}})).grants.at(0);
  EXPECT_EQ(read_back.quota, (Quota{.calls = 100'000, .window = std::chrono::hours(24)}));
  EXPECT_EQ(read_back.rate, (Rate{.calls = 10, .window = std::chrono::seconds(1)}));
  EXPECT_FALSE(read(grant()).grants.at(0).quota.has_value());
  CLV_EXPECT_SAYS(grant({{"quota", text("10/s")}}), "such as 100000/d");
  CLV_EXPECT_SAYS(grant({{"quota", text("0/d")}}), "such as 100000/d");
}

// What management shows can be applied again: a name that was made up for this very grant is one.
TEST(Grant, MayBeWrittenWithTheNameThatWasMadeUpForIt) {
  for (const char* name : {"billing:openai", "billing:openai:2", "billing:openai:17"}) {
    EXPECT_EQ(read(grant({{"name", text(name)}})).grants.at(0).name, name);
  }
  for (const char* name : {"", "billing:", "billing:git", "other:openai",
                           "billing:openai:", "billing:openai:1", "billing:openai:02", "billing:openai:-2",
                           "billing:openai2", "billing:openai:2:3", "billing:openai:99999999999"}) {
    CLV_EXPECT_SAYS(grant({{"name", text(name)}}), "name is 1 to 64 of");
  }
}

TEST(Grant, NamesEitherAPrincipalOrARole) {
  CLV_EXPECT_SAYS(grant({{"role", text("readers")}}), "either a principal or a role");
  CLV_EXPECT_SAYS(grant({{"principal", {}}}), "either a principal or a role");
  EXPECT_EQ(read(grant({{"principal", {}}, {"role", text("readers")}})).grants.at(0).role, "readers");
}

TEST(Grant, RefusesMethodsThatItCannotGive) {
  CLV_EXPECT_SAYS(grant({{"methods", list({"TRACE"})}}), "no grant can give");
  CLV_EXPECT_SAYS(grant({{"methods", list({"GET", "CONNECT"})}}), "no grant can give");
  CLV_EXPECT_SAYS(grant({{"methods", list({"get"})}}), "capitals");
  CLV_EXPECT_SAYS(grant({{"methods", list({"*"})}}), "leave methods out");
  CLV_EXPECT_SAYS(grant({{"methods", list({"GET POST"})}}), "capitals");
  CLV_EXPECT_SAYS(grant({{"methods", list({})}}), "empty list");
  CLV_EXPECT_SAYS(grant({{"methods", text("GET")}}), "methods is a list");
}

TEST(Grant, RefusesPathsAndRatesThatAreNone) {
  CLV_EXPECT_SAYS(grant({{"paths", list({})}}), "empty list");
  CLV_EXPECT_SAYS(grant({{"paths", list({"v1/*"})}}), "begins with '/'");
  CLV_EXPECT_SAYS(grant({{"paths", list({"/v1/../admin"})}}), "canonical");
  CLV_EXPECT_SAYS(grant({{"rate", text("600")}}), "600/min");
}

}  // namespace
}  // namespace claviger::policy
