// SPDX-License-Identifier: Apache-2.0
#include "policy/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/parse.h"
#include "policy/testing/documents.h"

namespace claviger::policy {
namespace {

using http::Method;
using testing::Entries;
using testing::list;
using testing::map;
using testing::text;

const std::string kHash = "sha256:" + std::string(64, 'a');  // of no key
constexpr WallTime kNow{std::chrono::hours(24 * 365 * 50)};

// Resources one by one, each ten lines behind the one before it in test.yaml.
class Written {
 public:
  Written& add(Entries entries) {
    const auto added = add_resource(map(std::move(entries), line_), resources_);
    EXPECT_TRUE(added.has_value()) << (added.has_value() ? "" : added.error().what());
    line_ += 10;
    return *this;
  }
  Written& upstream(const char* name, const char* mount) {
    return add({{"kind", text("upstream")},
                {"name", text(name)},
                {"mount", text(mount)},
                {"base_url", text("https://api.test")},
                {"auth", map({{"kind", text("bearer")}})}});
  }
  Written& principal(const char* name, std::vector<std::string> roles = {}) {
    return add({{"kind", text("principal")}, {"name", text(name)}, {"roles", list(std::move(roles))}});
  }
  Written& key(const char* id, const char* principal) {
    return add({{"kind", text("api_key")},
                {"name", text(id)},
                {"principal", text(principal)},
                {"hash", text(kHash)}});
  }
  Written& grant(const char* who, const char* name, const char* upstream, Entries more = {}) {
    more.insert(more.begin(), {{"kind", text("grant")}, {who, text(name)}, {"upstream", text(upstream)}});
    return add(std::move(more));
  }

  std::shared_ptr<const Snapshot> compile() {
    auto snapshot = Snapshot::compile(std::move(resources_), 7);
    EXPECT_TRUE(snapshot.has_value()) << (snapshot.has_value() ? "" : snapshot.error().what());
    return *snapshot;
  }
  std::string refusal() {
    const auto snapshot = Snapshot::compile(std::move(resources_), 7);
    return snapshot.has_value() ? "" : std::string(snapshot.error().what());
  }

 private:
  Resources resources_;
  std::uint32_t line_ = 10;
};

std::string routed(const Snapshot& snapshot, std::string_view path) {
  const auto route = snapshot.route(path);
  if (!route.has_value()) return "none";
  return snapshot.upstreams()[route->upstream]->resource.name + "|" + std::string(route->rest);
}

// The name of the grant that lets a principal (by the number it was written in) through, or "denied".
std::string authorized(const Snapshot& snapshot, PrincipalIndex principal, UpstreamIndex upstream,
                       std::string_view method, std::string_view path, WallTime now = kNow) {
  const Grant* grant = snapshot.authorize(principal, upstream, http::method_of(method), method, path, now);
  return grant == nullptr ? "denied" : grant->name;
}

TEST(Snapshot, FindsKeysByTheirId) {
  const auto snapshot =
      Written().principal("a").principal("b").key("aaaaaaaa", "a").key("bbbbbbbb", "b").compile();
  EXPECT_EQ(snapshot->revision(), 7u);
  const ApiKey* key = snapshot->find_key("bbbbbbbb");
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(snapshot->principal(key->principal).name, "b");
  EXPECT_EQ(key->hash[5], std::byte{0xaa});
  EXPECT_EQ(snapshot->find_key("aaaaaaab"), nullptr);
  EXPECT_EQ(snapshot->find_key(""), nullptr);
  EXPECT_EQ(snapshot->find_key("aaaaaaaaa"), nullptr);
}

TEST(Snapshot, FindsEachOfManyKeys) {
  Written written;
  written.principal("a");
  for (int i = 0; i < 1000; ++i) written.key(std::to_string(10000000 + i * 7).c_str(), "a");
  const auto snapshot = written.compile();
  for (int i = 0; i < 7000; ++i) {
    EXPECT_EQ(snapshot->find_key(std::to_string(10000000 + i)) != nullptr, i % 7 == 0) << i;
  }
}

TEST(Snapshot, OfNothingFindsNothing) {
  const auto snapshot = Written().compile();
  EXPECT_EQ(snapshot->find_key("aaaaaaaa"), nullptr);
  EXPECT_EQ(routed(*snapshot, "/"), "none");
  EXPECT_EQ(routed(*snapshot, "/openai/v1"), "none");
}

TEST(Snapshot, RoutesToTheLongestMount) {
  const auto snapshot = Written()
                            .upstream("a", "/a")
                            .upstream("ab", "/a/b")
                            .upstream("abcd", "/a/b/c/d")
                            .upstream("x", "/x")
                            .compile();
  EXPECT_EQ(routed(*snapshot, "/a"), "a|");
  EXPECT_EQ(routed(*snapshot, "/a/"), "a|/");
  EXPECT_EQ(routed(*snapshot, "/a/x"), "a|/x");
  EXPECT_EQ(routed(*snapshot, "/a/b"), "ab|");
  EXPECT_EQ(routed(*snapshot, "/a/bc"), "a|/bc");
  EXPECT_EQ(routed(*snapshot, "/a/b/c"), "ab|/c");
  EXPECT_EQ(routed(*snapshot, "/a/b/c/dd"), "ab|/c/dd");
  EXPECT_EQ(routed(*snapshot, "/a/b/c/d"), "abcd|");
  EXPECT_EQ(routed(*snapshot, "/a/b/c/d/e/f/g"), "abcd|/e/f/g");
}

TEST(Snapshot, RoutesNothingThatIsNoMount) {
  const auto snapshot = Written().upstream("a", "/a").compile();
  for (const char* path : {"", "/", "a", "/aa", "/b", "/A", "/b/a", "//a", "/a%2Fb"}) {
    EXPECT_EQ(routed(*snapshot, path), "none") << path;
  }
}

TEST(Snapshot, DeniesByDefault) {
  const auto snapshot = Written()
                            .principal("p")
                            .principal("q")
                            .upstream("u", "/u")
                            .upstream("v", "/v")
                            .grant("principal", "p", "u")
                            .compile();
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", "/x"), "p:u");
  EXPECT_EQ(authorized(*snapshot, 0, 1, "GET", "/x"), "denied");
  EXPECT_EQ(authorized(*snapshot, 1, 0, "GET", "/x"), "denied");
}

TEST(Snapshot, AuthorizesByMethodPathAndExpiry) {
  const auto snapshot = Written()
                            .principal("p")
                            .upstream("u", "/u")
                            .grant("principal", "p", "u",
                                   {{"methods", list({"POST", "GET"})},
                                    {"paths", list({"/v1/*", "/"})},
                                    {"expires", text("2027-01-01T00:00:00Z")}})
                            .compile();
  const WallTime expiry = *base::parse_rfc3339("2027-01-01T00:00:00Z");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", "/v1/x"), "p:u");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "POST", "/v1/x"), "p:u");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "DELETE", "/v1/x"), "denied");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "HEAD", "/v1/x"), "denied");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "get", "/v1/x"), "denied");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", "/v1/x/y"), "denied");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", ""), "p:u");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", "/v1/x", expiry - std::chrono::microseconds(1)), "p:u");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", "/v1/x", expiry), "denied");
}

TEST(Snapshot, GivesTraceAndConnectToNobody) {
  const auto snapshot = Written().principal("p").upstream("u", "/u").grant("principal", "p", "u").compile();
  EXPECT_EQ(authorized(*snapshot, 0, 0, "PROPFIND", "/x"), "p:u");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "TRACE", "/x"), "denied");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "CONNECT", "/x"), "denied");
}

// Even when a resource that nobody checked names them.
TEST(Snapshot, GivesTraceAndConnectToNobodyWhoeverNamesThem) {
  Resources resources;
  resources.principals.emplace_back().name = "p";
  resources.upstreams.emplace_back().name = "u";
  resources.upstreams.back().mount = "/u";
  GrantResource& grant = resources.grants.emplace_back();
  grant.principal = "p";
  grant.upstream = "u";
  grant.methods = {"TRACE", "CONNECT", "PROPFIND", "GET"};
  const auto snapshot = *Snapshot::compile(std::move(resources), 1);
  EXPECT_EQ(authorized(*snapshot, 0, 0, "TRACE", "/x"), "denied");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "CONNECT", "/x"), "denied");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "PROPFIND", "/x"), "p:u");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "MKCOL", "/x"), "denied");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", "/x"), "p:u");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "PUT", "/x"), "denied");
}

TEST(Snapshot, DeniesADisabledPrincipal) {
  const auto snapshot =
      Written()
          .add({{"kind", text("principal")}, {"name", text("p")}, {"disabled", text("true")}})
          .upstream("u", "/u")
          .grant("principal", "p", "u")
          .compile();
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", "/x"), "denied");
}

TEST(Snapshot, TakesTheFirstGrantWrittenWhetherOfPrincipalOrRole) {
  const auto snapshot =
      Written()
          .principal("p", {"r", "s", "r"})
          .upstream("u", "/u")
          .grant("role", "s", "u", {{"name", text("first")}, {"paths", list({"/a/**"})}})
          .grant("principal", "p", "u", {{"name", text("second")}, {"paths", list({"/a/**", "/b/**"})}})
          .grant("role", "r", "u", {{"name", text("third")}})
          .grant("principal", "p", "u", {{"name", text("fourth")}})
          .grant("role", "t", "u", {{"name", text("nobody")}})
          .compile();
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", "/a/x"), "first");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", "/b/x"), "second");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", "/c/x"), "third");
}

TEST(Snapshot, MakesUpNamesForGrantsThatHaveNone) {
  const auto snapshot = Written()
                            .principal("p", {"r"})
                            .upstream("u", "/u")
                            .grant("principal", "p", "u", {{"methods", list({"GET"})}, {"rate", text("1/s")}})
                            .grant("principal", "p", "u", {{"methods", list({"PUT"})}})
                            .grant("role", "r", "u")
                            .compile();
  EXPECT_EQ(authorized(*snapshot, 0, 0, "GET", "/"), "p:u");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "PUT", "/"), "p:u:2");
  EXPECT_EQ(authorized(*snapshot, 0, 0, "POST", "/"), "role:r:u");
}

TEST(Snapshot, KeepsALimitsKeyAcrossSnapshots) {
  const auto limit_key = [](const std::shared_ptr<const Snapshot>& of) {
    return of->authorize(0, 0, Method::kGet, "GET", "/", kNow)->limit_key;
  };
  const auto one = Written().principal("p").upstream("u", "/u").grant("principal", "p", "u").compile();
  const auto two = Written()
                       .principal("p")
                       .principal("q")
                       .upstream("u", "/u")
                       .grant("principal", "q", "u")
                       .grant("principal", "p", "u")
                       .compile();
  const auto other = Written().principal("p").upstream("v", "/u").grant("principal", "p", "v").compile();
  EXPECT_EQ(limit_key(one), limit_key(two));
  EXPECT_NE(limit_key(one), limit_key(other));
}

TEST(Snapshot, NamesTheLineAndTheLikelyNameOfAMissingReference) {
  EXPECT_EQ(Written().principal("p").upstream("openai", "/o").grant("principal", "p", "opnai").refusal(),
            "test.yaml:30: grant: no upstream is named 'opnai'; did you mean 'openai'?");
  EXPECT_EQ(Written().principal("billing").upstream("u", "/u").grant("principal", "biling", "u").refusal(),
            "test.yaml:30: grant: no principal is named 'biling'; did you mean 'billing'?");
  EXPECT_EQ(Written().key("aaaaaaaa", "nobody").refusal(),
            "test.yaml:10: api_key: no principal is named 'nobody'");
  EXPECT_EQ(
      Written().add({{"kind", text("credential")}, {"name", text("c")}, {"upstream", text("u")}}).refusal(),
      "test.yaml:10: credential: no upstream is named 'u'");
}

TEST(Snapshot, RefusesDuplicatesAndNamesBothPlaces) {
  EXPECT_EQ(Written().upstream("u", "/u").upstream("u", "/v").refusal(),
            "test.yaml:20: upstream 'u' is already there, at test.yaml:10");
  EXPECT_EQ(Written().upstream("u", "/u").upstream("v", "/u").refusal(),
            "test.yaml:20: upstream: mount '/u' is already there, at test.yaml:10");
  EXPECT_EQ(Written().principal("p").principal("p").refusal(),
            "test.yaml:20: principal 'p' is already there, at test.yaml:10");
  EXPECT_EQ(Written().principal("p").key("aaaaaaaa", "p").key("aaaaaaaa", "p").refusal(),
            "test.yaml:30: api_key 'aaaaaaaa' is already there, at test.yaml:20");
  EXPECT_EQ(Written()
                .principal("p")
                .upstream("u", "/u")
                .grant("principal", "p", "u", {{"name", text("g")}})
                .grant("principal", "p", "u", {{"name", text("g")}})
                .refusal(),
            "test.yaml:40: grant 'g' is already there, at test.yaml:30");
}

TEST(Snapshot, RefusesACredentialThatNobodySaysHowToSend) {
  Written written;
  written.add({{"kind", text("upstream")},
               {"name", text("u")},
               {"mount", text("/u")},
               {"base_url", text("https://api.test")}});
  written.add({{"kind", text("credential")}, {"name", text("c")}, {"upstream", text("u")}});
  EXPECT_THAT(written.refusal(), ::testing::HasSubstr("neither it nor its upstream says how it is sent"));
}

// A million keys must not cost a million strings.
TEST(Snapshot, KeepsKeysLean) { EXPECT_LE(sizeof(ApiKey), 96u); }

}  // namespace
}  // namespace claviger::policy
