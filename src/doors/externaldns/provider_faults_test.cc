// SPDX-License-Identifier: Apache-2.0
// The provider when things are wrong: what is asked for, the server, the time, the nodes.
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
using testing::Strings;

class ProviderFaultsTest : public testing::ProviderFixture {};

// --- What cannot be done ---

TEST_F(ProviderFaultsTest, RefusesWhatIsWrongAndDoesTheRest) {
  const Applied applied = apply(
      {.create = {one("www.example.com", "A", {"nonsense"}), owner("a-www.example.com", "www.example.com"),
                  one("x.other.example", "A", {"192.0.2.1"}), one("y.example.com", "SOA", {"z"}),
                  one("example.com", "NS", {"ns.example"}), one("ok.example.com", "A", {"192.0.2.1"}),
                  one("empty.example.com", "A", {})}});
  EXPECT_EQ(applied.done, 1U);
  EXPECT_EQ(applied.refused, 5U);
  EXPECT_EQ(applied.left, 1U) << "of a record that is not made, no owner is written down";
  EXPECT_THAT(applied.reason, HasSubstr("no IPv4 address"));
  EXPECT_THAT(server.records(), ElementsAre("ok A 300 192.0.2.1"));
}

TEST_F(ProviderFaultsTest, MakesNoRecordWhoseOwnerCannotBeWrittenDown) {
  server.instead = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" a-www") == std::string_view::npos || call.find(" add ") == std::string_view::npos)
      return std::nullopt;
    return Result<ApiAnswer>(
        ApiAnswer{.status = 200, .body = R"({"status":"error","errorMessage":"Access was denied."})"});
  };
  const Applied applied = apply(
      {.create = {one("www.example.com", "A", {"192.0.2.1"}), one("www.example.com", "AAAA", {"2001:db8::1"}),
                  owner("a-www.example.com", "www.example.com"),
                  owner("aaaa-www.example.com", "www.example.com")}});
  EXPECT_EQ(applied.failed, 1U);
  EXPECT_EQ(applied.left, 1U);
  EXPECT_EQ(applied.done, 2U);
  EXPECT_THAT(applied.reason, HasSubstr("Access was denied."));
  EXPECT_THAT(server.records(),
              ElementsAre(fmt::format("aaaa-www TXT 300 {}", kOwner), "www AAAA 300 2001:db8::1"));
}

TEST_F(ProviderFaultsTest, KeepsTheOwnersRecordOfWhatCannotBeDeleted) {
  have("www.example.com", "A", "192.0.2.1");
  have("a-www.example.com", "TXT", std::string(kOwner));
  server.instead = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" delete www") == std::string_view::npos) return std::nullopt;
    return Result<ApiAnswer>(Error(Code::kTimeout, Blame::kUpstream, "too slow"));
  };
  const Applied applied = apply({.remove = {owner("a-www.example.com", "www.example.com"),
                                            one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_EQ(applied.failed, 1U);
  EXPECT_EQ(applied.left, 1U);
  EXPECT_THAT(server.records(), SizeIs(2));
}

TEST_F(ProviderFaultsTest, CountsAsDoneWhatWasDoneByACallThatFailed) {
  int dropped = 0;
  server.afterwards = [&dropped](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" add ") == std::string_view::npos || dropped++ > 0) return std::nullopt;
    return Result<ApiAnswer>(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up"));
  };
  const Changes changes{.create = {one("www.example.com", "A", {"192.0.2.1"})}};
  EXPECT_EQ(apply(changes).failed, 1U);
  const Applied again = apply(changes);
  EXPECT_TRUE(again.is_whole());
  EXPECT_EQ(again.unchanged, 1U);
  EXPECT_THAT(server.writes(), IsEmpty()) << "nothing is written twice";
}

TEST_F(ProviderFaultsTest, TakesTheServersWordForWhatIsSoAlready) {
  server.instead = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" add ") == std::string_view::npos) return std::nullopt;
    return Result<ApiAnswer>(ApiAnswer{
        .status = 200,
        .body = R"({"status":"error","errorMessage":"Cannot add record: record already exists."})"});
  };
  EXPECT_TRUE(apply({.create = {one("www.example.com", "A", {"192.0.2.1"})}}).is_whole());
}

TEST_F(ProviderFaultsTest, LeavesTheRestWhereANodeFailsAgainAndAgain) {
  Changes changes;
  for (int i = 0; i < 100; ++i)
    changes.create.push_back(one(fmt::format("n{}.example.com", i), "A", {"192.0.2.1"}));
  server.instead = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" add ") == std::string_view::npos) return std::nullopt;
    return Result<ApiAnswer>(ApiAnswer{.status = 503, .body = {}, .error_code = "unavailable"});
  };
  const Applied applied = apply(changes);
  EXPECT_EQ(applied.failed + applied.left, 100U);
  EXPECT_LT(applied.failed, 16U);
}

TEST_F(ProviderFaultsTest, StopsByTheDeadlineWithWhatItHas) {
  options.deadline = std::chrono::milliseconds(600);
  options.parallel = 2;
  server.delay = std::chrono::milliseconds(60);
  Changes changes;
  for (int i = 0; i < 100; ++i)
    changes.create.push_back(one(fmt::format("n{}.example.com", i), "A", {"192.0.2.1"}));
  const auto begun = std::chrono::steady_clock::now();
  const Applied applied = apply(changes);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_GT(applied.left, 0U);
  EXPECT_EQ(applied.done + applied.left, 100U);
  EXPECT_THAT(server.records(), SizeIs(applied.done)) << "nothing is lost, nothing is done that is not told";
  EXPECT_LE(server.most_at_once, 2U);
}

TEST_F(ProviderFaultsTest, DeletesNoMoreThanItsShareOfAZone) {
  Changes changes;
  for (int i = 0; i < 40; ++i) {
    have(fmt::format("n{}.example.com", i), "A", "192.0.2.1");
    if (i < 21) changes.remove.push_back(one(fmt::format("n{}.example.com", i), "A", {"192.0.2.1"}));
  }
  changes.create.push_back(one("new.example.com", "A", {"192.0.2.1"}));
  const Applied held = apply(changes);
  EXPECT_EQ(held.refused, 21U);
  EXPECT_EQ(held.done, 1U) << "all else is done";
  EXPECT_THAT(held.reason, HasSubstr("21 of the 40 records of example.com would go"));
  EXPECT_THAT(warnings, SizeIs(1));
  options.allow_mass_delete = true;
  again();
  EXPECT_TRUE(apply(changes).is_whole());
  EXPECT_THAT(server.records(), SizeIs(20));
}

// Whatever stands beside it in the same set.
TEST_F(ProviderFaultsTest, CountsWhateverGoesAndIsNotReplaced) {
  options.max_delete_percent = 40;
  Changes changes;
  for (int i = 0; i < 20; ++i) {
    const std::string name = fmt::format("n{}.example.com", i);
    have(name, "A", "192.0.2.1");
    changes.remove.push_back(one(name, "A", {"192.0.2.1"}));
    changes.create.push_back(one(name, "TXT", {"still here"}));
  }
  EXPECT_EQ(apply(changes).refused, 20U);
  again();
  Changes shrunk;
  for (int i = 0; i < 20; ++i) {
    const std::string name = fmt::format("n{}.example.com", i);
    have(name, "A", "192.0.2.2");
    have(name, "A", "192.0.2.3");
    shrunk.update_old.push_back(one(name, "A", {"192.0.2.1", "192.0.2.2", "192.0.2.3"}));
    shrunk.update_new.push_back(one(name, "A", {"192.0.2.1"}));
  }
  EXPECT_EQ(apply(shrunk).refused, 20U);
}

// Of a few names nothing but these is looked at, unless they could be most of the zone.
TEST_F(ProviderFaultsTest, LetsOneNameOfALargeZoneShrink) {
  Changes changes{.update_old = {one("www.example.com", "A", {})},
                  .update_new = {one("www.example.com", "A", {"192.0.2.1"})}};
  for (int i = 1; i <= 30; ++i) {
    have("www.example.com", "A", fmt::format("192.0.2.{}", i));
    changes.update_old[0].targets.push_back(fmt::format("192.0.2.{}", i));
  }
  for (int i = 0; i < 100; ++i) have(fmt::format("n{}.example.com", i), "A", "192.0.2.1");
  const Applied applied = apply(changes);
  EXPECT_TRUE(applied.is_whole()) << applied.reason;
}

TEST_F(ProviderFaultsTest, LetsAllNamesOfAZoneChangeTheirType) {
  Changes changes;
  for (int i = 0; i < 20; ++i) {
    const std::string name = fmt::format("n{}.example.com", i);
    have(name, "A", "192.0.2.1");
    have("a-" + name, "TXT", std::string(kOwner));
    changes.remove.push_back(one(name, "A", {"192.0.2.1"}));
    changes.remove.push_back(owner("a-" + name, name));
    changes.create.push_back(one(name, "CNAME", {"other.example"}));
    changes.create.push_back(owner("cname-" + name, name));
  }
  EXPECT_TRUE(apply(changes).is_whole());
}

TEST_F(ProviderFaultsTest, DeletesAFewWhateverTheirShare) {
  Changes changes;
  for (int i = 0; i < 10; ++i) {
    have(fmt::format("n{}.example.com", i), "A", "192.0.2.1");
    changes.remove.push_back(one(fmt::format("n{}.example.com", i), "A", {"192.0.2.1"}));
  }
  EXPECT_TRUE(apply(changes).is_whole());
  EXPECT_THAT(server.records(), IsEmpty());
}

TEST_F(ProviderFaultsTest, TellsOnlyWhatItWouldDoInADryRun) {
  options.dry_run = true;
  have("old.example.com", "A", "192.0.2.1");
  const Applied applied = apply({.create = {one("www.example.com", "A", {"192.0.2.1"})},
                                 .remove = {one("old.example.com", "A", {"192.0.2.1"})}});
  EXPECT_EQ(applied.dry_run, 2U);
  EXPECT_TRUE(applied.is_whole());
  EXPECT_THAT(server.writes(), IsEmpty());
  EXPECT_THAT(told, ElementsAre("dry_run old.example.com A: [300 192.0.2.1] to []",
                                "dry_run www.example.com A: [] to [300 192.0.2.1]"));
}

// --- What is left behind ---

class OrphansTest : public ProviderFaultsTest {
 protected:
  // The record goes, its owner's record does not.
  std::vector<Endpoint> leave_one() {
    have("www.example.com", "A", "192.0.2.1");
    have("a-www.example.com", "TXT", std::string(kOwner));
    server.instead = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
      if (call.find(" delete a-www") == std::string_view::npos) return std::nullopt;
      return Result<ApiAnswer>(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up"));
    };
    const Applied cut = apply({.remove = {one("www.example.com", "A", {"192.0.2.1"}),
                                          owner("a-www.example.com", "www.example.com")}});
    server.instead = nullptr;
    EXPECT_EQ(cut.done, 1U);
    EXPECT_EQ(cut.failed, 1U);
    EXPECT_THAT(cut.orphans, SizeIs(1));
    return cut.orphans;
  }
};

TEST_F(OrphansTest, AreDeletedWhenTheServerCanBeReachedAgain) {
  const auto orphans = leave_one();
  server.nodes["a"].is_down = true;
  EXPECT_THAT(finish(provider().finish(orphans)).orphans, SizeIs(1)) << "not yet";
  server.nodes["a"].is_down = false;
  const Applied applied = finish(provider().finish(orphans));
  EXPECT_TRUE(applied.is_whole()) << applied.reason;
  EXPECT_EQ(applied.done, 1U);
  EXPECT_THAT(server.records(), IsEmpty());
}

TEST_F(OrphansTest, AreNoneWhereWhatTheyAreAboutIsThereAgain) {
  const auto orphans = leave_one();
  have("www.example.com", "A", "192.0.2.7");
  EXPECT_TRUE(finish(provider().finish(orphans)).is_whole());
  EXPECT_THAT(server.records(), SizeIs(2));
}

TEST_F(OrphansTest, AreNotWhatIsHeldBackWithItsRecord) {
  const auto orphans_where = [this](Result<ApiAnswer> answer) {
    server.zones["example.com"].clear();
    have("www.example.com", "A", "192.0.2.1");
    have("a-www.example.com", "TXT", std::string(kOwner));
    server.instead = [answer](std::string_view call) -> std::optional<Result<ApiAnswer>> {
      if (call.find(" delete www") == std::string_view::npos) return std::nullopt;
      return answer;
    };
    return apply({.remove = {one("www.example.com", "A", {"192.0.2.1"}),
                             owner("a-www.example.com", "www.example.com")}})
        .orphans;
  };
  EXPECT_THAT(orphans_where(ApiAnswer{.status = 200,
                                      .body = R"({"status":"error","errorMessage":"Access was denied."})"}),
              IsEmpty());
  EXPECT_THAT(orphans_where(ApiAnswer{.status = 403, .body = {}, .error_code = "denied"}), IsEmpty());
  EXPECT_THAT(orphans_where(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up")), SizeIs(1))
      << "it may be gone: that is looked at";
}

// "a-sub.example.com" is in the zone above the one that it is about.
TEST_F(OrphansTest, MayBeAboutANameOfAnotherZone) {
  options.zones = {"example.com", "sub.example.com"};
  server.nodes["a"].zones["sub.example.com"] = "Primary";
  server.zones["sub.example.com"] = {{.name = "sub.example.com", .type = "A", .value = "192.0.2.1"}};
  have("a-sub.example.com", "TXT", std::string(kOwner));
  const std::vector<Endpoint> orphans = {owner("a-sub.example.com", "sub.example.com")};
  EXPECT_TRUE(finish(provider().finish(orphans)).is_whole());
  EXPECT_THAT(server.records(), SizeIs(1)) << "what it is about is there";
  server.zones["sub.example.com"].clear();
  EXPECT_EQ(finish(provider().finish(orphans)).done, 1U);
  EXPECT_THAT(server.records(), IsEmpty());
}

// They are kept in memory, and whoever can reach the door can send any number.
TEST_F(OrphansTest, AreNoneOfTheRegistrysWhereTheyAreLong) {
  server.nodes["a"].is_down = true;
  Endpoint orphan = owner("a-www.example.com", "www.example.com");
  EXPECT_THAT(apply({.remove = {orphan}}).orphans, SizeIs(1));
  orphan.targets.push_back("heritage=external-dns," + std::string(5000, 'x'));
  EXPECT_THAT(apply({.remove = {orphan}}).orphans, IsEmpty());
}

// Each is held against each of what belongs together, which is bounded where it is refused.
TEST_F(OrphansTest, AreNotLookedForInWhatIsRefused) {
  server.nodes["a"].is_down = true;
  Changes changes;
  for (int i = 0; i < 20'000; ++i)
    changes.remove.push_back(owner(fmt::format("a{}-hub.example.com", i), "hub.example.com"));
  const auto begun = std::chrono::steady_clock::now();
  const Applied applied = apply(std::move(changes));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_EQ(applied.left, 20'000U);
  EXPECT_THAT(applied.orphans, IsEmpty());
}

// --- Nodes ---

// Who is primary may be found out anew while a node is asked for its records.
TEST_F(ProviderFaultsTest, FailsAListingThoughTheRolesAreReadMeanwhile) {
  have("www.example.com", "A", "192.0.2.1");
  server.delay = std::chrono::milliseconds(20);
  server.afterwards = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" get ") == std::string_view::npos) return std::nullopt;
    return Result<ApiAnswer>(Error(Code::kTimeout, Blame::kUpstream, "too slow"));
  };
  bool is_checked = false;
  const auto check = [](Provider& asked, bool& done) -> net::Task<void> {
    for (int i = 0; i < 2; ++i) EXPECT_FALSE((co_await asked.check()).has_value());
    done = true;
  };
  net::spawn(check(provider(), is_checked));
  const auto body = finish(provider().records());
  ASSERT_FALSE(body.has_value());
  EXPECT_THAT(std::string(body.error().what()), HasSubstr("a: too slow"));
  EXPECT_TRUE(run_until([&] { return is_checked; }));
}

TEST_F(ProviderFaultsTest, WritesToThePrimaryWhateverTheOrder) {
  options.upstreams = {"b", "a"};
  server.nodes["b"] = {.zones = {{"example.com", "Secondary"}}};
  EXPECT_TRUE(apply({.create = {one("www.example.com", "A", {"192.0.2.1"})}}).is_whole());
  EXPECT_THAT(server.writes(), ElementsAre("a add www.example.com A 192.0.2.1"));
  EXPECT_TRUE(finish(provider().check()).has_value());
}

TEST_F(ProviderFaultsTest, LeavesEverythingWhileThePrimaryIsDown) {
  options.upstreams = {"a", "b"};
  server.nodes["b"] = {.zones = {{"example.com", "Secondary"}}};
  server.nodes["a"].is_down = true;
  const Applied applied = apply({.create = {one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_EQ(applied.left, 1U);
  EXPECT_THAT(applied.reason, HasSubstr("no node that answers is primary for example.com (Secondary on b)"));
  EXPECT_FALSE(finish(provider().records()).has_value()) << "a secondary may be behind";
  EXPECT_FALSE(finish(provider().check()).has_value());
  server.nodes["a"].is_down = false;
  EXPECT_TRUE(finish(provider().check()).has_value());
  EXPECT_TRUE(apply({.create = {one("www.example.com", "A", {"192.0.2.1"})}}).is_whole());
}

TEST_F(ProviderFaultsTest, FollowsTheRoleWhereASecondaryIsPromoted) {
  options.upstreams = {"a", "b"};
  server.nodes["b"] = {.zones = {{"example.com", "Secondary"}}};
  EXPECT_TRUE(apply({.create = {one("one.example.com", "A", {"192.0.2.1"})}}).is_whole());
  server.nodes["a"].zones["example.com"] = "Secondary";
  server.nodes["b"].zones["example.com"] = "Primary";
  apply({.create = {one("two.example.com", "A", {"192.0.2.1"})}});  // may find out the hard way
  EXPECT_TRUE(apply({.create = {one("two.example.com", "A", {"192.0.2.1"})}}).is_whole());
  EXPECT_THAT(server.records(), SizeIs(2));
}

TEST_F(ProviderFaultsTest, GoesByWayOfAnotherNodeWhereItIsToldThePrimarysName) {
  options.upstreams = {"a", "b"};
  options.node = "ns1";
  server.nodes["a"] = {.zones = {{"example.com", "Primary"}}, .is_down = true, .name = "ns1"};
  server.nodes["b"] = {.zones = {{"example.com", "Secondary"}}, .name = "ns2"};
  EXPECT_TRUE(apply({.create = {one("www.example.com", "A", {"192.0.2.1"})}}).is_whole());
  EXPECT_THAT(server.writes(), ElementsAre("b/ns1 add www.example.com A 192.0.2.1"));
}

TEST_F(ProviderFaultsTest, MakesAZoneThatIsMissingOnlyWhenAskedTo) {
  options.zones = {"example.com", "new.example"};
  apply({.create = {one("www.new.example", "A", {"192.0.2.1"})}});
  EXPECT_FALSE(server.zones.contains("new.example"));
  options.create_zones = true;
  again();
  EXPECT_TRUE(apply({.create = {one("www.new.example", "A", {"192.0.2.1"})}}).is_whole());
  EXPECT_THAT(server.records("new.example"), ElementsAre("www A 300 192.0.2.1"));
}

TEST_F(ProviderFaultsTest, MakesAZoneOnceForAllThatIsWantedInIt) {
  options.zones = {"new.example"};
  options.create_zones = true;
  EXPECT_THAT(listed(), IsEmpty());
  EXPECT_TRUE(
      apply({.create = {one("a.new.example", "A", {"192.0.2.1"}), one("b.new.example", "A", {"192.0.2.1"})}})
          .is_whole());
  EXPECT_THAT(made_zones, ElementsAre("new.example on a"));
}

// One that its user may not view there, or that came a moment ago.
TEST_F(ProviderFaultsTest, MakesNoZoneOnOneNodeThatIsThereOnAnother) {
  options.upstreams = {"a", "b"};
  options.zones = {"new.example", "example.com"};
  options.create_zones = true;
  server.nodes["b"] = {.zones = {}};
  server.zones["new.example"] = {};
  const Applied applied = apply({.create = {one("www.new.example", "A", {"192.0.2.1"})}});
  EXPECT_EQ(applied.left, 1U);
  EXPECT_THAT(server.writes(), ElementsAre("a create new.example Primary"));
}

TEST_F(ProviderFaultsTest, MakesNoZoneToDeleteSomethingInIt) {
  options.zones = {"new.example", "example.com"};
  options.create_zones = true;
  EXPECT_EQ(apply({.remove = {one("a.new.example", "A", {"192.0.2.1"})}}).left, 1U);
  EXPECT_THAT(made_zones, IsEmpty());
}

// What is at the name of a zone below in the zone above is answered by nobody.
TEST_F(ProviderFaultsTest, DoesNotShowWhatALongerZoneHides) {
  options.zones = {"example.com", "sub.example.com"};
  server.nodes["a"].zones["sub.example.com"] = "Primary";
  server.zones["sub.example.com"] = {};
  have("sub.example.com", "A", "192.0.2.1");
  have("www.example.com", "A", "192.0.2.1");
  EXPECT_THAT(listed(), ElementsAre(one("www.example.com", "A", {"192.0.2.1"}, 300)));
}

TEST_F(ProviderFaultsTest, ListsNothingWhereNoneOfItsZonesIsThere) {
  options.zones = {"gone.example"};
  EXPECT_FALSE(finish(provider().records()).has_value()) << "ExternalDNS would make everything anew";
  EXPECT_FALSE(finish(provider().check()).has_value());
}

TEST_F(ProviderFaultsTest, MakesNoZoneInADryRunButTellsWhatItWouldPutThere) {
  options.zones = {"new.example"};
  options.create_zones = options.dry_run = true;
  EXPECT_THAT(listed(), IsEmpty());
  const Applied applied = apply({.create = {one("www.new.example", "A", {"192.0.2.1"})}});
  EXPECT_TRUE(applied.is_whole()) << applied.reason;
  EXPECT_EQ(applied.dry_run, 1U);
  EXPECT_THAT(warnings, ::testing::Contains("zone new.example would be made"));
  EXPECT_FALSE(server.zones.contains("new.example"));
}

// Whatever is written above it: the server looks no further than into the longest zone that it has.
TEST_F(ProviderFaultsTest, RefusesWhatAnotherZoneOfTheServerAnswersFor) {
  server.nodes["a"].zones["sub.example.com"] = "Forwarder";
  have("old.sub.example.com", "A", "192.0.2.1");
  EXPECT_THAT(listed(), IsEmpty());
  const Applied applied = apply({.create = {one("www.sub.example.com", "A", {"192.0.2.1"}),
                                            owner("a-www.sub.example.com", "www.sub.example.com"),
                                            one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_EQ(applied.refused, 2U);
  EXPECT_EQ(applied.done, 1U);
  EXPECT_THAT(applied.reason, HasSubstr("it is in the zone sub.example.com of the server's"));
}

// Nothing of it reached the server: it is no event, which whoever sends it could have any number of.
TEST_F(ProviderFaultsTest, HasNotBegunWhatTheGatewayDoesNotLetThrough) {
  server.instead = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" add ") == std::string_view::npos) return std::nullopt;
    return Result<ApiAnswer>(ApiAnswer{.status = 403, .body = {}, .error_code = "denied"});
  };
  const Applied applied = apply({.create = {one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_EQ(applied.left, 1U);
  EXPECT_EQ(applied.failed, 0U);
  EXPECT_THAT(applied.reason, HasSubstr("denied"));
}

// What ExternalDNS has not seen it would write over.
TEST_F(ProviderFaultsTest, ChangesNothingInAZoneThatCameAfterTheRecordsWereRead) {
  options.zones = {"example.com", "late.example"};
  EXPECT_THAT(listed(), IsEmpty());
  server.nodes["a"].zones["late.example"] = "Primary";
  server.zones["late.example"] = {};
  EXPECT_TRUE(finish(provider().check()).has_value());
  const Changes changes{.create = {one("www.late.example", "A", {"192.0.2.1"})}};
  EXPECT_EQ(apply(changes).left, 1U);
  listed();
  EXPECT_TRUE(apply(changes).is_whole());
}

// sub.example.com's names would be taken for example.com's.
TEST_F(ProviderFaultsTest, KnowsAZoneWhosePrimaryHasNotAnsweredYet) {
  options.zones.clear();
  options.upstreams = {"a", "b"};
  server.nodes["a"].zones["sub.example.com"] = "Secondary";
  server.nodes["b"] = {.zones = {{"sub.example.com", "Primary"}, {"example.com", "Secondary"}},
                       .is_down = true};
  server.zones["sub.example.com"] = {};
  const Changes changes{.create = {one("www.sub.example.com", "A", {"192.0.2.1"})}};
  EXPECT_FALSE(finish(provider().records()).has_value());
  EXPECT_EQ(apply(changes).left, 1U);
  EXPECT_THAT(finish(provider().negotiate())->include, ElementsAre("example.com", "sub.example.com"));
  server.nodes["b"].is_down = false;
  EXPECT_THAT(listed(), IsEmpty());
  EXPECT_TRUE(apply(changes).is_whole());
  EXPECT_THAT(server.records("sub.example.com"), ElementsAre("www A 300 192.0.2.1"));
  server.nodes["b"].is_down = true;
  EXPECT_FALSE(finish(provider().records()).has_value()) << "a zone that was found is not forgotten";
}

TEST_F(ProviderFaultsTest, GoesOnWithWhatAnotherHadFoundOut) {
  options.zones.clear();
  options.upstreams = {"a", "b"};
  server.nodes["b"] = {.zones = {{"sub.example.com", "Primary"}}};
  server.zones["sub.example.com"] = {};
  listed();
  server.nodes["b"].is_down = true;
  ProviderOptions other = options;
  other.ttl_default = 60;
  Provider next(other, server, loop(), {});
  next.take_over(provider());
  EXPECT_FALSE(finish(next.records()).has_value()) << "there is a zone that b alone has";
  other.upstreams = {"a"};
  Provider elsewhere(other, server, loop(), {});
  elsewhere.take_over(provider());
  EXPECT_TRUE(finish(elsewhere.records()).has_value());
}

TEST_F(ProviderFaultsTest, FindsZonesThoughANodeIsDownThatIsPrimaryForNone) {
  options.zones.clear();
  options.upstreams = {"b", "a"};
  server.nodes["b"] = {.zones = {{"example.com", "Secondary"}}, .is_down = true};
  EXPECT_THAT(finish(provider().negotiate())->include, ElementsAre("example.com"));
  EXPECT_TRUE(apply({.create = {one("www.example.com", "A", {"192.0.2.1"})}}).is_whole());
}

TEST_F(ProviderFaultsTest, ListsNothingWhileAZoneThatWasFoundHasNoPrimary) {
  options.zones.clear();
  server.nodes["a"].zones["other.example"] = "Primary";
  server.zones["other.example"] = {};
  listed();
  server.nodes["a"].zones["example.com"] = "Secondary";
  EXPECT_FALSE(finish(provider().records()).has_value());
  server.nodes["a"].zones["example.com"] = "Primary";
  listed();
  server.nodes["a"].zones.erase("example.com");
  EXPECT_THAT(listed(), IsEmpty()) << "it was deleted";
}

TEST_F(ProviderFaultsTest, GoesOnWithTheZonesOfANodeWhereAnotherFails) {
  options.upstreams = {"a", "b"};
  options.zones = {"example.com", "example.org"};
  server.nodes["b"] = {.zones = {{"example.org", "Primary"}}};
  server.zones["example.org"] = {};
  server.instead = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (!call.starts_with("a add")) return std::nullopt;
    return Result<ApiAnswer>(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up"));
  };
  Changes changes;
  for (int i = 0; i < 50; ++i) {
    changes.create.push_back(one(fmt::format("n{}.example.com", i), "A", {"192.0.2.1"}));
    changes.create.push_back(one(fmt::format("n{}.example.org", i), "A", {"192.0.2.1"}));
  }
  EXPECT_EQ(apply(changes).done, 50U);
}

TEST_F(ProviderFaultsTest, GivesUpCallsThatHangBeforeItsTimeIsOver) {
  options.deadline = std::chrono::milliseconds(900);
  options.parallel = 4;
  listed();
  server.delay = std::chrono::milliseconds(400);
  Changes changes;
  for (int i = 0; i < 9; ++i)
    changes.create.push_back(one(fmt::format("n{}.example.com", i), "A", {"192.0.2.1"}));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_GT(apply(changes).left, 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(1500));
}

TEST_F(ProviderFaultsTest, MakesNoZoneThatMayBeWhereItCannotLook) {
  options.upstreams = {"a", "b"};
  options.zones = {"example.com", "new.example"};
  options.create_zones = true;
  server.nodes["b"] = {.zones = {{"new.example", "Primary"}}, .is_down = true};
  apply({.create = {one("www.new.example", "A", {"192.0.2.1"})}});
  EXPECT_FALSE(server.zones.contains("new.example"));
}

TEST_F(ProviderFaultsTest, TakesTheLongestZone) {
  options.zones = {"example.com", "sub.example.com"};
  server.nodes["a"].zones["sub.example.com"] = "Primary";
  server.zones["sub.example.com"] = {};
  EXPECT_TRUE(apply({.create = {one("www.sub.example.com", "A", {"192.0.2.1"}),
                                one("www.example.com", "A", {"192.0.2.1"})}})
                  .is_whole());
  EXPECT_THAT(server.records("sub.example.com"), ElementsAre("www A 300 192.0.2.1"));
  EXPECT_THAT(server.records(), ElementsAre("www A 300 192.0.2.1"));
}

TEST_F(ProviderFaultsTest, SaysWhyANodeIsOfNoUse) {
  for (const auto& [answer, why] : std::vector<std::pair<ApiAnswer, std::string>>{
           {{.status = 200,
             .body = R"({"status":"invalid-token","errorMessage":"Invalid token or session expired."})"},
            "it says 'invalid-token'"},
           {{.status = 200, .body = R"({"status":"2fa-required"})"}, "it says '2fa-required'"},
           {{.status = 200, .body = "<html>"}, "not well-formed JSON"},
           {{.status = 200, .body = "{}"}, "it says ''"},
           {{.status = 200, .body = R"({"status":"ok"})"}, "list of zones"},
           {{.status = 404, .body = ""}, "status 404"},
           {{.status = 403, .body = "", .error_code = "denied"},
            "the gateway does not let the call through: denied"}}) {
    server.instead = [&answer](std::string_view) { return std::optional<Result<ApiAnswer>>(answer); };
    again();
    const auto body = finish(provider().records());
    ASSERT_FALSE(body.has_value()) << why;
    EXPECT_THAT(std::string(body.error().what()), HasSubstr(why));
  }
}

}  // namespace
}  // namespace claviger::doors::externaldns
