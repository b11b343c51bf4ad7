// SPDX-License-Identifier: Apache-2.0
// What every kind of credential owes, whatever it does besides.
#include "credentials/catalog.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "credentials/static_credential.h"
#include "credentials/testing/bench.h"

namespace claviger::credentials {
namespace {

using testing::Bench;
using testing::settings;

// The least settings of each kind. A new kind is added here, or EveryKindIsUnderContract fails.
const std::map<std::string, testing::Entries, std::less<>>& least_settings() {
  static const std::map<std::string, testing::Entries, std::less<>> all = {
      {"bearer", {}},
      {"header", {{"name", "X-Fake-Key"}}},
      {"basic", {{"username", "fake-user"}}},
      {"query", {{"name", "key"}}},
      {"aws_sigv4", {{"region", "eu-central-1"}, {"service", "s3"}}},
      {"client_certificate", {}},
      {"session_login",
       {{"login", R"({"path":"/login","form":{"user":"$user","pass":"$password"}})"},
        {"token", R"({"json":"token"})"},
        {"lifetime", "30m"}}},
      {"oauth2_client_credentials", {{"token_url", "https://idp.test/token"}, {"client_id", "fake-client"}}},
      {"oauth2_refresh_token", {{"token_url", "https://idp.test/token"}, {"client_id", "fake-client"}}},
      {"jwt_bearer", {{"token_url", "https://idp.test/token"}, {"issuer", "fake-issuer"}}},
  };
  return all;
}

base::Document auth_of(const Kind& kind, testing::Entries more = {}) {
  testing::Entries entries = {{"kind", std::string(kind.name())}};
  for (const auto& entry : least_settings().at(std::string(kind.name()))) entries.push_back(entry);
  for (auto& entry : more) entries.push_back(std::move(entry));
  return settings(entries);
}

class CredentialKind : public ::testing::TestWithParam<const Kind*> {
 protected:
  const Kind& kind() const { return *GetParam(); }
  Bench bench_;
};

// Those whose secret goes onto every request as the same bytes. What the others owe is tested beside them.
class StaticKind : public CredentialKind {
 public:
  static std::vector<const Kind*> all() {
    std::vector<const Kind*> found;
    for (const Kind* kind : catalog())
      if (kind->name() == "bearer" || kind->name() == "header" || kind->name() == "basic" ||
          kind->name() == "query")
        found.push_back(kind);
    return found;
  }
};

TEST(Catalog, EveryKindIsUnderContract) {
  std::set<std::string, std::less<>> names;
  for (const Kind* kind : catalog()) {
    EXPECT_TRUE(least_settings().contains(kind->name())) << kind->name();
    EXPECT_TRUE(names.emplace(kind->name()).second) << kind->name();
  }
}

TEST(Catalog, NamesTheKindsWhenThereIsNoSuchOne) {
  const auto found = find_kind(settings({{"kind", "beerer"}}));
  ASSERT_FALSE(found.has_value());
  EXPECT_TRUE(found.error().what().starts_with(
      "auth.yaml:7: no credential kind is named 'beerer'; there are: bearer, header, basic, query, "));
  EXPECT_FALSE(find_kind(settings({})).has_value());
  EXPECT_FALSE(find_kind(base::Document()).has_value());
}

TEST_P(CredentialKind, IsFoundByItsName) {
  const auto found = find_kind(settings({{"kind", std::string(kind().name())}}));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(*found, &kind());
}

TEST_P(CredentialKind, AcceptsItsLeastSettingsAndNoUnknownOnes) {
  EXPECT_TRUE(kind().check(auth_of(kind())).has_value());
  const auto unknown = kind().check(auth_of(kind(), {{"surprise", "fake"}}));
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code(), Code::kInvalid);
  EXPECT_NE(unknown.error().what().find("surprise"), std::string_view::npos);
  EXPECT_NE(unknown.error().what().find("auth.yaml"), std::string_view::npos);
  EXPECT_FALSE(bench_.make(kind(), auth_of(kind(), {{"surprise", "fake"}}), "fake-secret").has_value());
}

TEST_P(StaticKind, AttachesExactlyOnceWhereItSays) {
  const auto credential = bench_.make(kind(), auth_of(kind()), "fake-secret-0123456789");
  ASSERT_TRUE(credential.has_value()) << credential.error().what();
  EXPECT_EQ((*credential)->name(), "fake-credential");
  const std::string fields = bench_.fields_of(**credential);
  const std::string query = bench_.query_of(**credential);
  EXPECT_NE((*credential)->field_name().empty(), (*credential)->query_name().empty());
  if (!(*credential)->field_name().empty()) {
    EXPECT_EQ(query, "");
    EXPECT_TRUE(fields.starts_with(std::string((*credential)->field_name()) + ": ")) << fields;
    EXPECT_EQ(fields.find("\r\n"), fields.size() - 2) << fields;
  } else {
    EXPECT_EQ(fields, "");
    EXPECT_TRUE(query.starts_with(std::string((*credential)->query_name()) + "=")) << query;
    EXPECT_EQ(query.find_first_of("&?# \r\n", 0), std::string::npos) << query;
  }
  EXPECT_EQ(fields + query, bench_.fields_of(**credential) + bench_.query_of(**credential));
}

TEST_P(StaticKind, RefusesAnEmptyOrOversizedSecret) {
  EXPECT_FALSE(bench_.make(kind(), auth_of(kind()), "").has_value());
  EXPECT_TRUE(bench_.make(kind(), auth_of(kind()), std::string(16384, 'x')).has_value());
  EXPECT_FALSE(bench_.make(kind(), auth_of(kind()), std::string(16385, 'x')).has_value());
}

TEST_P(StaticKind, RefusesControlBytesAndSpacesAtTheEndsWithoutQuotingTheSecret) {
  for (const std::string& byte : {std::string("\r"), std::string("\n"), std::string("\t"),
                                  std::string(1, '\0'), std::string("\x7f"), std::string("\x1b")}) {
    for (const std::string& secret :
         {byte + "fake-secret", "fake-" + byte + "secret", "fake-secret" + byte}) {
      const auto made = bench_.make(kind(), auth_of(kind()), secret);
      ASSERT_FALSE(made.has_value());
      EXPECT_EQ(made.error().code(), Code::kInvalid);
      EXPECT_EQ(made.error().what().find("fake-secret"), std::string_view::npos);
      EXPECT_NE(made.error().what().find("fake-credential"), std::string_view::npos);
    }
  }
  EXPECT_FALSE(bench_.make(kind(), auth_of(kind()), " fake-secret").has_value());
  EXPECT_FALSE(bench_.make(kind(), auth_of(kind()), "fake-secret ").has_value());
}

TEST_P(StaticKind, KeepsTheSecretSealed) {
  const auto credential = bench_.make(kind(), auth_of(kind()), "fakefakefakefakefake");
  ASSERT_TRUE(credential.has_value());
  const auto* made = dynamic_cast<const StaticCredential*>(credential->get());
  ASSERT_NE(made, nullptr);
  const std::string right = bench_.fields_of(**credential) + bench_.query_of(**credential);
  const std::string end = right.substr(right.find_last_not_of("\r\n=") - 7, 8);
  const auto& bytes = made->sealed().bytes;
  const std::string_view sealed(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  EXPECT_EQ(sealed.find("fakefake"), std::string_view::npos);
  EXPECT_EQ(sealed.find(end), std::string_view::npos);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(made->sealed().associated.data()),
                        made->sealed().associated.size()),
            Bench::kBoundTo);
}

// A key of another process cannot open it, and nothing of what it would have been stays behind.
TEST_P(StaticKind, LeavesNothingWhenItCannotBeOpened) {
  const auto credential = bench_.make(kind(), auth_of(kind()), "fake-secret-0123456789");
  ASSERT_TRUE(credential.has_value());
  Bench other;
  std::array<char, 512> memory{};
  http::HeadWriter out(memory);
  vault::Opener opener = other.opener();
  const Result<void> written = (*credential)->query_name().empty()
                                   ? (*credential)->write_fields(out, {.opener = opener})
                                   : (*credential)->write_query(out, {.opener = opener});
  ASSERT_FALSE(written.has_value());
  const std::string right = bench_.fields_of(**credential) + bench_.query_of(**credential);
  const std::size_t start = right.find_first_of(":=") + 2;
  const std::string_view all(memory.data(), memory.size());
  for (std::size_t i = start; i < out.size(); ++i) EXPECT_EQ(all[i], '\0');
}

TEST_P(StaticKind, SaysThatItDoesNotFit) {
  const auto credential = bench_.make(kind(), auth_of(kind()), "fake-secret-0123456789");
  ASSERT_TRUE(credential.has_value());
  std::array<char, 24> memory{};
  http::HeadWriter out(memory);
  vault::Opener opener = bench_.opener();
  if ((*credential)->query_name().empty()) {
    EXPECT_TRUE((*credential)->write_fields(out, {.opener = opener}).has_value());
  } else {
    EXPECT_TRUE((*credential)->write_query(out, {.opener = opener}).has_value());
  }
  EXPECT_FALSE(out.fits());
}

TEST_P(StaticKind, TakesItsSecretOutOfTheArenaWhenMade) {
  const std::size_t before = bench_.arena().usage().in_use;
  const auto credential = bench_.make(kind(), auth_of(kind()), "fake-secret-0123456789");
  ASSERT_TRUE(credential.has_value());
  EXPECT_EQ(bench_.arena().usage().in_use, before);
}

INSTANTIATE_TEST_SUITE_P(Catalog, CredentialKind, ::testing::ValuesIn(catalog().begin(), catalog().end()),
                         [](const auto& param) { return std::string(param.param->name()); });
INSTANTIATE_TEST_SUITE_P(Catalog, StaticKind, ::testing::ValuesIn(StaticKind::all()),
                         [](const auto& param) { return std::string(param.param->name()); });

}  // namespace
}  // namespace claviger::credentials
