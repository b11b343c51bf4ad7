// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/change_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace claviger::doors::externaldns {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Strings = std::vector<std::string>;

const Strings kZones = {"example.com", "example.org"};

Endpoint one(std::string name, std::string type, Strings targets, std::string set = "") {
  return {.dns_name = std::move(name),
          .targets = std::move(targets),
          .record_type = std::move(type),
          .set_identifier = std::move(set)};
}
Endpoint owner(std::string name, std::string owned) {
  Endpoint made = one(std::move(name), "TXT", {std::string(64, 'e')});
  made.labels["ownedRecord"] = std::move(owned);
  return made;
}

std::vector<Unit> units_of(Changes changes) { return make_units(std::move(changes), kZones, NameFilter({})); }

TEST(ChangeSets, PutWhatBelongsTogetherInOneUnit) {
  const auto units = units_of(
      {.create = {one("www.example.com", "A", {"192.0.2.1"}), owner("a-www.example.com", "www.example.com"),
                  one("x.example.org", "A", {"192.0.2.1"}), one("www.example.com", "AAAA", {"::1"})},
       .remove = {one("www.example.com", "CNAME", {"y"}),
                  owner("cname-www.example.com", "www.example.com")}});
  ASSERT_THAT(units, SizeIs(2));
  std::vector<std::string> order;
  for (const SetChange& change : units[0].changes) order.push_back(change.name + " " + change.type);
  EXPECT_THAT(order, ElementsAre("a-www.example.com TXT", "www.example.com CNAME", "www.example.com A",
                                 "www.example.com AAAA", "cname-www.example.com TXT"));
}

TEST(ChangeSets, KnowTheOwnersRecordWithoutALabelToo) {
  const auto units = units_of({.remove = {one("www.example.com", "A", {"192.0.2.1"}),
                                          one("a-www.example.com", "TXT", {"heritage=external-dns,x"})}});
  ASSERT_THAT(units, SizeIs(1));
  EXPECT_TRUE(units[0].changes[1].is_registry);
}

TEST(ChangeSets, AreOneForANameAndTypeWhateverTheSetIdentifier) {
  const auto units = units_of({.create = {one("www.example.com", "A", {"192.0.2.1"}, "blue"),
                                          one("WWW.example.com.", "a", {"192.0.2.2", "192.0.2.1"}, "green")},
                               .remove = {one("www.example.com", "A", {"192.0.2.9"}, "old")}});
  ASSERT_THAT(units, SizeIs(1));
  ASSERT_THAT(units[0].changes, SizeIs(1));
  EXPECT_THAT(units[0].changes[0].want, ElementsAre("192.0.2.1", "192.0.2.2"));
  EXPECT_THAT(units[0].changes[0].old, ElementsAre("192.0.2.9"));
}

TEST(ChangeSets, MatchUpdatesByNameNotByOrder) {
  const auto units = units_of(
      {.update_old = {one("a.example.com", "A", {"192.0.2.1"}), one("b.example.com", "A", {"192.0.2.2"})},
       .update_new = {one("b.example.com", "A", {"192.0.2.3"}), one("a.example.com", "A", {"192.0.2.4"})}});
  ASSERT_THAT(units, SizeIs(2));
  for (const Unit& unit : units) {
    EXPECT_THAT(unit.changes[0].old,
                ElementsAre(unit.changes[0].name == "a.example.com" ? "192.0.2.1" : "192.0.2.2"));
    EXPECT_THAT(unit.changes[0].want,
                ElementsAre(unit.changes[0].name == "a.example.com" ? "192.0.2.4" : "192.0.2.3"));
  }
}

TEST(ChangeSets, RefuseMoreThanBelongsTogether) {
  Changes changes;
  for (int i = 0; i < 3; ++i) {
    Endpoint many = one("www.example.com", "A", {}, std::to_string(i));
    for (int j = 0; j < 400; ++j)
      many.targets.push_back("192.0." + std::to_string(i) + "." + std::to_string(j % 256));
    for (int j = 0; j < 400; ++j)
      many.targets.push_back("198.51." + std::to_string(i) + "." + std::to_string(j % 256));
    changes.create.push_back(std::move(many));
  }
  auto units = units_of(std::move(changes));
  ASSERT_THAT(units, SizeIs(1));
  EXPECT_EQ(units[0].changes[0].refusal, "it has too many targets");
  changes = {};
  for (int i = 0; i < 1100; ++i)
    changes.create.push_back(owner("a" + std::to_string(i) + "-hub.example.com", "hub.example.com"));
  units = units_of(std::move(changes));
  ASSERT_THAT(units, SizeIs(1));
  for (const SetChange& change : units[0].changes) EXPECT_FALSE(change.refusal.empty());
}

TEST(OwnersRecords, AreAboutTheTypeInTheirName) {
  const auto make = [](std::string shown, std::string owned) {
    SetChange made;
    made.shown = std::move(shown);
    made.owned = std::move(owned);
    made.is_registry = true;
    return made;
  };
  SetChange a;
  a.name = "www.example.com";
  a.type = "A";
  EXPECT_TRUE(is_about(make("a-www.example.com", "www.example.com"), a));
  EXPECT_TRUE(is_about(make("txt.a-www.example.com", "www.example.com"), a));
  EXPECT_FALSE(is_about(make("txt-www.example.com", "www.example.com"), a)) << "it is about TXT records";
  EXPECT_TRUE(is_about(make("old-www.example.com", "www.example.com"), a)) << "no type: all of them";
  EXPECT_FALSE(is_about(make("aaaa-www.example.com", "www.example.com"), a));
  EXPECT_FALSE(is_about(make("a-other.example.com", "other.example.com"), a));
  EXPECT_FALSE(is_about(a, a));
}

}  // namespace
}  // namespace claviger::doors::externaldns
