// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/set_plan.h"

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

LiveRecord live(std::string_view target, std::uint32_t ttl = 300, std::string_view options = {}) {
  return {.name = "www.example.com",
          .type = RecordType::kA,
          .ttl = ttl,
          .target = target,
          .identity = {},
          .options = options};
}
SetChange change_to(Strings want, Strings old, std::int64_t ttl = 0) {
  SetChange change;
  change.want = std::move(want);
  change.old = std::move(old);
  change.ttl = ttl;
  return change;
}
Strings steps_of(const SetPlan& plan) {
  Strings steps;
  for (const Step& step : plan.steps)
    steps.push_back(std::string(step.path.substr(step.path.rfind('/') + 1)) + step.form);
  return steps;
}

TEST(SetPlans, KeepTheTtlThatIsThereUnlessOneIsAskedFor) {
  const std::vector<LiveRecord> there = {live("192.0.2.1", 77)};
  EXPECT_THAT(steps_of(plan_set(change_to({"192.0.2.1", "192.0.2.2"}, {}), there, {})),
              ElementsAre("add&ttl=77&ipAddress=192.0.2.2"));
  EXPECT_THAT(steps_of(plan_set(change_to({"192.0.2.1"}, {}), there, {})), IsEmpty());
  EXPECT_THAT(steps_of(plan_set(change_to({"192.0.2.1"}, {}, 78), there, {})),
              ElementsAre("update&ttl=78&ipAddress=192.0.2.1"));
  EXPECT_THAT(steps_of(plan_set(change_to({"192.0.2.1"}, {}), {}, {})),
              ElementsAre("add&ttl=300&ipAddress=192.0.2.1"));
  EXPECT_THAT(steps_of(plan_set(change_to({"192.0.2.1"}, {}, 5), {}, {.ttl_min = 60})),
              ElementsAre("add&ttl=60&ipAddress=192.0.2.1"));
}

TEST(SetPlans, ChangeTheTtlOfAllBeforeOneIsAdded) {
  const std::vector<LiveRecord> there = {live("192.0.2.1", 300, "&comments=x")};
  EXPECT_THAT(steps_of(plan_set(change_to({"192.0.2.1", "192.0.2.2"}, {}, 60), there, {})),
              ElementsAre("update&ttl=60&comments=x&ipAddress=192.0.2.1", "add&ttl=60&ipAddress=192.0.2.2"));
}

TEST(SetPlans, ReplaceOneByOneInPlaceWithItsComments) {
  const std::vector<LiveRecord> there = {live("192.0.2.1", 300, "&comments=x&disable=true")};
  const SetPlan plan = plan_set(change_to({"192.0.2.2"}, {"192.0.2.1"}), there, {});
  EXPECT_THAT(steps_of(plan), ElementsAre("add&ttl=300&overwrite=true&comments=x&ipAddress=192.0.2.2"));
  EXPECT_EQ(plan.deletes - plan.adds, 0U);
}

// It would be written over unseen.
TEST(SetPlans, ReplaceNothingInPlaceBesideARecordThatCannotBeShown) {
  std::vector<LiveRecord> there = {live("192.0.2.1"), live("")};
  there[1].is_opaque = true;
  const SetPlan plan = plan_set(change_to({"192.0.2.2"}, {"192.0.2.1"}), there, {});
  EXPECT_THAT(steps_of(plan), ElementsAre("add&ttl=300&ipAddress=192.0.2.2", "delete&ipAddress=192.0.2.1"));
  EXPECT_EQ(plan.before, "300 192.0.2.1 ?");
  EXPECT_EQ(plan.after, "300 ? 192.0.2.2");
  SetChange single = change_to({"x.example"}, {});
  single.record_type = RecordType::kCname;
  there.erase(there.begin());
  EXPECT_FALSE(plan_set(single, there, {}).refusal.empty());
}

// Another name server has other addresses.
TEST(SetPlans, DoNotGiveOneTargetsGlueToAnother) {
  SetChange change = change_to({"ns2.example"}, {"ns1.example"});
  change.record_type = RecordType::kNs;
  LiveRecord there = live("ns1.example", 300, "&comments=x&glue=192.0.2.53");
  there.type = RecordType::kNs;
  EXPECT_THAT(steps_of(plan_set(change, std::vector{there}, {})),
              ElementsAre("add&ttl=300&overwrite=true&comments=x&nameServer=ns2.example"));
}

TEST(SetPlans, DoNotLookThroughMoreThanThereCanBe) {
  const std::vector<LiveRecord> there(5000, live("192.0.2.1"));
  EXPECT_FALSE(plan_set(change_to({"192.0.2.2"}, {}), there, {}).refusal.empty());
}

TEST(SetPlans, DoNotTouchASingleValueThatIsSomebodyElses) {
  SetChange change = change_to({"x.example"}, {"old.example"});
  change.record_type = RecordType::kCname;
  LiveRecord there = live("theirs.example");
  there.type = RecordType::kCname;
  const SetPlan plan = plan_set(change, std::vector{there}, {});
  EXPECT_THAT(plan.steps, IsEmpty());
  EXPECT_FALSE(plan.refusal.empty());
  change.want = {"x.example", "y.example"};
  EXPECT_FALSE(plan_set(change, {}, {}).refusal.empty()) << "a CNAME has one target";
}

TEST(SetPlans, TakeOverAnotherOwnersTextButDoNotDeleteIt) {
  SetChange change = change_to({}, {"heritage=external-dns,external-dns/owner=me"});
  change.record_type = RecordType::kTxt;
  change.is_registry = true;
  LiveRecord mine = live("heritage=external-dns,external-dns/owner=me,external-dns/resource=x");
  LiveRecord theirs = live("heritage=external-dns,external-dns/owner=them");
  EXPECT_THAT(plan_set(change, std::vector{mine}, {}).steps, SizeIs(1));
  EXPECT_THAT(plan_set(change, std::vector{theirs}, {}).steps, IsEmpty());
  change.want = {"heritage=external-dns,external-dns/owner=me"};
  EXPECT_THAT(steps_of(plan_set(change, std::vector{theirs}, {})), SizeIs(1));
}

// Which may be switched on, off, or to another key.
TEST(SetPlans, TakeAnEncryptedTextForTheRegistrys) {
  SetChange change = change_to({}, {"heritage=external-dns,external-dns/owner=me"});
  change.record_type = RecordType::kTxt;
  change.is_registry = true;
  change.name = "a-www.example.com";
  change.owned = "www.example.com";
  const std::string encrypted(64, 'a');
  const LiveRecord there = live(encrypted);
  EXPECT_THAT(plan_set(change, std::vector{there}, {}).steps, SizeIs(1));
  EXPECT_THAT(plan_set(change, std::vector{live("v=spf1 -all")}, {}).steps, IsEmpty());
  change.is_registry = false;
  EXPECT_THAT(plan_set(change, std::vector{there}, {}).steps, IsEmpty());
  change.is_registry = true;
  change.want = {std::string(64, 'b')};
  EXPECT_THAT(steps_of(plan_set(change, std::vector{there}, {})), SizeIs(1)) << "in its place";
  change.name = change.owned;
  EXPECT_TRUE(plan_set(change, std::vector{there}, {}).before.contains(encrypted));
  EXPECT_EQ(plan_set(change, std::vector{there}, {}).deletes, 0U) << "somebody's token may be there";
}

TEST(SetPlans, DeleteByTheIdentityThatARecordHas) {
  SetChange change = change_to({}, {"ab"});
  change.record_type = RecordType::kTxt;
  LiveRecord there = live("ab");
  there.type = RecordType::kTxt;
  there.identity = "&text=a%0Ab&splitText=true";
  EXPECT_THAT(steps_of(plan_set(change, std::vector{there}, {})),
              ElementsAre("delete&text=a%0Ab&splitText=true"));
}

}  // namespace
}  // namespace claviger::doors::externaldns
