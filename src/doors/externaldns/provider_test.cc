// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/provider.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "doors/externaldns/testing/provider_fixture.h"

namespace claviger::doors::externaldns {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kOwner;
using ::testing::SizeIs;

class ProviderTest : public testing::ProviderFixture {};

// --- What is there ---

TEST_F(ProviderTest, ListsOneEndpointForEachNameAndType) {
  have("www.example.com", "A", "192.0.2.2");
  have("mail.example.com", "MX", "10 mx.example.com", 60);
  have("www.example.com", "A", "192.0.2.1");
  have("a-www.example.com", "TXT", std::string(kOwner));
  EXPECT_THAT(listed(), ElementsAre(one("a-www.example.com", "TXT", {std::string(kOwner)}, 300),
                                    one("mail.example.com", "MX", {"10 mx.example.com"}, 60),
                                    one("www.example.com", "A", {"192.0.2.1", "192.0.2.2"}, 300)));
}

// The server may tell records apart that are the same to ExternalDNS, which would ask for one of them to go for ever.
TEST_F(ProviderTest, ListsATargetOnce) {
  have("www.example.com", "A", "192.0.2.1");
  have("www.example.com", "A", "192.0.2.1");
  EXPECT_THAT(listed(), ElementsAre(one("www.example.com", "A", {"192.0.2.1"}, 300)));
}

TEST_F(ProviderTest, LeavesOutWhatIsTheZonesOwnAndWhatItDoesNotKnow) {
  have("app.example.com", "APP", "");
  EXPECT_THAT(listed(), IsEmpty());
}

TEST_F(ProviderTest, ShowsTheRegistrysNamesAsExternalDnsKnowsThem) {
  have("*.example.com", "A", "192.0.2.1");
  have("a-_wildcard_.example.com", "TXT", std::string(kOwner));
  have("a-_apex_.example.com", "TXT", std::string(kOwner));
  const auto endpoints = listed();
  ASSERT_THAT(endpoints, SizeIs(3));
  EXPECT_EQ(endpoints[0].dns_name, "*.example.com");
  EXPECT_EQ(endpoints[1].dns_name, "a-example.com");
  EXPECT_EQ(endpoints[2].dns_name, "a-*.example.com");
}

TEST_F(ProviderTest, ListsNothingAtAllWhereAZoneCannotBeRead) {
  server.nodes["a"].is_down = true;
  const auto body = finish(provider().records());
  ASSERT_FALSE(body.has_value());
  EXPECT_THAT(std::string(body.error().what()), HasSubstr("connection refused"));
}

TEST_F(ProviderTest, WarnsOfAZoneThatIsNowhere) {
  options.zones = {"example.com", "missing.example"};
  have("www.example.com", "A", "192.0.2.1");
  EXPECT_THAT(listed(), SizeIs(1));
  EXPECT_THAT(warnings, ElementsAre("there is no zone missing.example"));
}

TEST_F(ProviderTest, FindsTheZonesItself) {
  options.zones.clear();
  server.nodes["a"].zones["example.org"] = "Primary";
  server.nodes["a"].zones["foreign.example"] = "Secondary";
  server.zones["example.org"].push_back({.name = "x.example.org", .type = "A", .value = "192.0.2.9"});
  EXPECT_THAT(listed(), ElementsAre(one("x.example.org", "A", {"192.0.2.9"}, 300)));
  const auto filter = finish(provider().negotiate());
  ASSERT_TRUE(filter.has_value());
  EXPECT_THAT(filter->include, ElementsAre("example.com", "example.org"));
}

TEST_F(ProviderTest, NegotiatesWhatIsConfiguredWithoutAsking) {
  server.nodes["a"].is_down = true;
  EXPECT_THAT(finish(provider().negotiate())->include, ElementsAre("example.com"));
  again();
  options.filter = {.regex_include = "x$"};
  EXPECT_EQ(finish(provider().negotiate())->regex_include, "x$");
  again();
  options = {.upstreams = {"a"}};
  EXPECT_FALSE(finish(provider().negotiate()).has_value()) << "an empty filter would let everything through";
  EXPECT_THAT(server.calls, ElementsAre("a list"));
}

// --- As it will be ---

TEST_F(ProviderTest, AdjustsToWhatItWillList) {
  const Endpoint given{.dns_name = "WWW.Example.com.",
                       .targets = {"2001:DB8::0:1", "2001:db8::1"},
                       .record_type = "AAAA",
                       .set_identifier = "blue",
                       .ttl = 5'000'000,
                       .labels = {{"resource", "x"}},
                       .provider_specific = {{"alias", "false"}}};
  std::string body;
  write_endpoints(body, std::vector<Endpoint>{given, one("x", "NONSENSE", {"y"}, -1),
                                              one("bad name", "A", {"no address"})});
  const auto adjusted = provider().adjust(body);
  ASSERT_TRUE(adjusted.has_value());
  Endpoint expected = one("www.example.com", "AAAA", {"2001:db8::1"}, 604'800);
  expected.labels = {{"resource", "x"}};
  EXPECT_THAT(*parse_endpoints(*adjusted),
              ElementsAre(expected, one("x", "NONSENSE", {"y"}), one("bad name", "A", {"no address"})));
  EXPECT_EQ(*provider().adjust("[]"), "[]");
  EXPECT_FALSE(provider().adjust("{").has_value());
}

// --- Changes ---

TEST_F(ProviderTest, MakesTheOwnersRecordFirst) {
  const Applied applied = apply({.create = {one("www.example.com", "A", {"192.0.2.1", "192.0.2.2"}),
                                            owner("a-www.example.com", "www.example.com")}});
  EXPECT_TRUE(applied.is_whole()) << applied.reason;
  EXPECT_EQ(applied.done, 2U);
  EXPECT_THAT(server.writes(),
              ElementsAre(fmt::format("a add a-www.example.com TXT {}", kOwner),
                          "a add www.example.com A 192.0.2.1", "a add www.example.com A 192.0.2.2"));
  EXPECT_THAT(server.records(),
              ElementsAre(fmt::format("a-www TXT 300 {}", kOwner), "www A 300 192.0.2.1 192.0.2.2"));
  EXPECT_THAT(told, ElementsAre(fmt::format("done a-www.example.com TXT: [] to [300 {}]", kOwner),
                                "done www.example.com A: [] to [300 192.0.2.1 192.0.2.2]"));
  EXPECT_EQ(told_ids, 3U);
}

TEST_F(ProviderTest, DeletesTheOwnersRecordLast) {
  have("www.example.com", "A", "192.0.2.1");
  have("a-www.example.com", "TXT", std::string(kOwner));
  const Applied applied = apply({.remove = {owner("a-www.example.com", "www.example.com"),
                                            one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_TRUE(applied.is_whole());
  EXPECT_THAT(server.writes(), ElementsAre("a delete www.example.com A 192.0.2.1",
                                           fmt::format("a delete a-www.example.com TXT {}", kOwner)));
  EXPECT_THAT(server.records(), IsEmpty());
}

TEST_F(ProviderTest, SendsNothingForWhatIsSoAlready) {
  have("www.example.com", "A", "192.0.2.1");
  const Applied applied = apply({.create = {one("www.example.com", "A", {"192.0.2.1"})},
                                 .remove = {one("gone.example.com", "A", {"192.0.2.1"})}});
  EXPECT_TRUE(applied.is_whole());
  EXPECT_EQ(applied.unchanged, 2U);
  EXPECT_THAT(server.writes(), IsEmpty());
}

TEST_F(ProviderTest, ChangesOneTargetInPlace) {
  server.zones["example.com"].push_back(
      {.name = "www.example.com", .type = "A", .ttl = 60, .value = "192.0.2.1", .comments = "kept"});
  const Applied applied = apply({.update_old = {one("www.example.com", "A", {"192.0.2.1"}, 60)},
                                 .update_new = {one("www.example.com", "A", {"192.0.2.9"}, 60)}});
  EXPECT_TRUE(applied.is_whole());
  EXPECT_THAT(server.writes(), ElementsAre("a add www.example.com A 192.0.2.9"));
  EXPECT_THAT(server.records(), ElementsAre("www A 60 192.0.2.9"));
  EXPECT_EQ(server.zones["example.com"][0].comments, "kept");
  EXPECT_THAT(told, ElementsAre("done www.example.com A: [60 192.0.2.1] to [60 192.0.2.9]"));
}

TEST_F(ProviderTest, AddsBeforeItDeletes) {
  have("www.example.com", "A", "192.0.2.1");
  have("www.example.com", "A", "192.0.2.2");
  const Applied applied = apply({.update_old = {one("www.example.com", "A", {"192.0.2.1", "192.0.2.2"})},
                                 .update_new = {one("www.example.com", "A", {"192.0.2.2", "192.0.2.3"})}});
  EXPECT_TRUE(applied.is_whole());
  EXPECT_THAT(server.writes(),
              ElementsAre("a add www.example.com A 192.0.2.3", "a delete www.example.com A 192.0.2.1"));
}

TEST_F(ProviderTest, ChangesATtlWithoutTakingAnythingAway) {
  server.zones["example.com"] = {
      {.name = "www.example.com", .type = "A", .value = "192.0.2.1", .comments = "one"},
      {.name = "www.example.com", .type = "A", .value = "192.0.2.2", .comments = "", .is_disabled = true}};
  const Applied applied =
      apply({.update_old = {one("www.example.com", "A", {"192.0.2.1", "192.0.2.2"}, 300)},
             .update_new = {one("www.example.com", "A", {"192.0.2.1", "192.0.2.2"}, 30)}});
  EXPECT_TRUE(applied.is_whole());
  EXPECT_THAT(server.writes(),
              ElementsAre("a update www.example.com A 192.0.2.1", "a update www.example.com A 192.0.2.2"));
  EXPECT_THAT(server.records(), ElementsAre("www A 30 192.0.2.1 192.0.2.2"));
  EXPECT_EQ(server.zones["example.com"][0].comments, "one");
  EXPECT_TRUE(server.zones["example.com"][1].is_disabled);
}

TEST_F(ProviderTest, LeavesTargetsAloneThatSomebodyElsePutThere) {
  have("www.example.com", "A", "192.0.2.1");
  have("www.example.com", "A", "192.0.2.77");
  apply({.remove = {one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_THAT(server.records(), ElementsAre("www A 300 192.0.2.77"));
  apply({.create = {one("www.example.com", "A", {"192.0.2.5"})}});
  EXPECT_THAT(server.records(), ElementsAre("www A 300 192.0.2.5 192.0.2.77"));
}

TEST_F(ProviderTest, MakesWayFirstWhereATypeChanges) {
  have("www.example.com", "A", "192.0.2.1");
  have("a-www.example.com", "TXT", std::string(kOwner));
  const Applied applied = apply({.create = {one("www.example.com", "CNAME", {"other.example"}),
                                            owner("cname-www.example.com", "www.example.com")},
                                 .remove = {one("www.example.com", "A", {"192.0.2.1"}),
                                            owner("a-www.example.com", "www.example.com")}});
  EXPECT_TRUE(applied.is_whole()) << applied.reason;
  EXPECT_THAT(server.writes(),
              ElementsAre(fmt::format("a add cname-www.example.com TXT {}", kOwner),
                          "a delete www.example.com A 192.0.2.1", "a add www.example.com CNAME other.example",
                          fmt::format("a delete a-www.example.com TXT {}", kOwner)));
}

TEST_F(ProviderTest, FindsTheOwnersTextWhateverIsInIt) {
  have("a-www.example.com", "TXT", "heritage=external-dns,external-dns/owner=them,external-dns/resource=x");
  const Applied applied = apply({.update_old = {owner("a-www.example.com", "www.example.com", "them")},
                                 .update_new = {owner("a-www.example.com", "www.example.com")}});
  EXPECT_TRUE(applied.is_whole());
  EXPECT_THAT(server.records(), ElementsAre(fmt::format("a-www TXT 300 {}", kOwner)));
}

TEST_F(ProviderTest, KeepsWildcardsAndTheApexWhereTheServerTakesThem) {
  const Changes changes{
      .create = {one("*.example.com", "A", {"192.0.2.1"}), owner("a-*.example.com", "*.example.com"),
                 one("example.com", "A", {"192.0.2.1"}), owner("a-example.com", "example.com")}};
  EXPECT_TRUE(apply(changes).is_whole());
  EXPECT_THAT(server.records(), ElementsAre("* A 300 192.0.2.1", "@ A 300 192.0.2.1",
                                            fmt::format("a-_apex_ TXT 300 {}", kOwner),
                                            fmt::format("a-_wildcard_ TXT 300 {}", kOwner)));
  EXPECT_TRUE(apply({.remove = changes.create}).is_whole());
  EXPECT_THAT(server.records(), IsEmpty());
}

// The second time, nothing is left to do: what is listed is what was asked for.
TEST_F(ProviderTest, ListsWhatItWasTold) {
  const std::vector<Endpoint> wanted = {
      one("*.example.com", "CNAME", {"Host.Example."}),
      one("mx.example.com", "MX", {"10 a.example", "5 b.example."}, 60),
      one("txt.example.com", "TXT", {"\"" + std::string(600, 'x') + "\"", "v=spf1 -all"}),
      one("v6.example.com", "AAAA", {"2001:DB8::1"})};
  std::string body;
  write_endpoints(body, wanted);
  const auto adjusted = parse_endpoints(*provider().adjust(body));
  EXPECT_TRUE(apply({.create = *adjusted}).is_whole());
  std::vector<Endpoint> there = listed();
  for (Endpoint& endpoint : there) {
    if (endpoint.ttl == 300) endpoint.ttl = 0;
  }
  EXPECT_EQ(there, *adjusted);
}

}  // namespace
}  // namespace claviger::doors::externaldns
