// SPDX-License-Identifier: Apache-2.0
// What the door's filter leaves out is nobody's through the door, whoever says what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "doors/externaldns/testing/provider_fixture.h"

namespace claviger::doors::externaldns {
namespace {

using ::testing::HasSubstr;
using testing::kOwner;

class ProviderFilterTest : public testing::ProviderFixture {
 protected:
  bool takes(const Endpoint& endpoint) {
    again();
    return apply({.create = {endpoint}}).is_whole();
  }
};

// The label that says so is the caller's own word.
TEST_F(ProviderFilterTest, KeepsToTheFilterForOwnersRecordsToo) {
  options.filter = {.include = {"apps.example.com"}};
  Endpoint smuggled = one("_acme-challenge.example.com", "TXT", {"x"});
  for (const std::string& text : {std::string("x"), std::string(kOwner)}) {
    smuggled.targets = {text};
    for (const char* owned :
         {"y", "example.com", "apps.example.com", "www.apps.example.com", "*.apps.example.com"}) {
      smuggled.labels["ownedRecord"] = owned;
      EXPECT_EQ(apply({.create = {smuggled}}).refused, 1U) << owned;
    }
  }
  options.filter = {.include = {"example.com"}, .exclude = {"secure.example.com"}};
  again();
  smuggled.dns_name = "a-s.secure.example.com";
  smuggled.labels["ownedRecord"] = "s.example.com";
  EXPECT_EQ(apply({.create = {smuggled}}).refused, 1U);
  options.filter = {.include = {"apps.example.com"}};
  again();
  EXPECT_TRUE(apply({.create = {owner("a-www.apps.example.com", "www.apps.example.com")}}).is_whole());
}

TEST_F(ProviderFilterTest, KeepsToExpressionsAsWell) {
  options.filter = {.regex_include = "^[a-z]+[.]example[.]com$", .regex_exclude = "^secret"};
  const Applied applied = apply(
      {.create = {one("www.example.com", "A", {"192.0.2.1"}), one("www2.example.com", "A", {"192.0.2.1"}),
                  one("secret.example.com", "A", {"192.0.2.1"})}});
  EXPECT_EQ(applied.done, 1U);
  EXPECT_EQ(applied.refused, 2U);
}

TEST_F(ProviderFilterTest, KeepsToTheFilter) {
  options.filter = {.include = {"in.example.com", ".below.example.com"}, .exclude = {"not.in.example.com"}};
  const Applied applied = apply(
      {.create = {
           one("a.in.example.com", "A", {"192.0.2.1"}), one("in.example.com", "A", {"192.0.2.1"}),
           one("x.below.example.com", "A", {"192.0.2.1"}), one("below.example.com", "A", {"192.0.2.1"}),
           one("x.not.in.example.com", "A", {"192.0.2.1"}), one("out.example.com", "A", {"192.0.2.1"})}});
  EXPECT_EQ(applied.done, 3U);
  EXPECT_EQ(applied.refused, 3U);
}

TEST_F(ProviderFilterTest, TakesNoOwnersRecordForMoreThanItsNameSays) {
  options.filter = {.regex_include = R"(^[^.]+\.example\.com$)"};
  EXPECT_TRUE(takes(owner("a-*.example.com", "*.example.com")));
  EXPECT_TRUE(takes(owner("a-www.example.com", "www.example.com")));
  EXPECT_FALSE(takes(owner("a-www.prod.example.com", "*.example.com")));
  EXPECT_FALSE(takes(owner("a-www.prod.example.com", "w.example.com")));
  options.filter = {.include = {"k8s.example.com"}};
  EXPECT_TRUE(takes(owner("a-k8s.example.com", "k8s.example.com")));
  EXPECT_FALSE(takes(owner("a-x.k8s-prod.example.com", "k8s.example.com")));
  EXPECT_FALSE(takes(owner("a-k8s-prod.example.com", "k8s.example.com")));
  EXPECT_TRUE(takes(owner("own.a-x.k8s.example.com", "x.k8s.example.com"))) << "a prefix, within the filter";
}

// ExternalDNS holds what it manages to its filter, and not its own records.
TEST_F(ProviderFilterTest, HoldsExpressionsAgainstWhatAnOwnersRecordIsAbout) {
  options.filter = {.regex_exclude = "^[^.]+-"};
  EXPECT_TRUE(takes(owner("a-www.example.com", "www.example.com")));
  EXPECT_FALSE(takes(owner("a-db-1.example.com", "db-1.example.com")));
  EXPECT_FALSE(takes(owner("x-a-www.example.com", "www.example.com")));
  EXPECT_THAT(apply({.create = {owner("x-a-www.example.com", "www.example.com")}}).reason,
              HasSubstr("it is not TYPE-www.example.com"));
}

// Who has a delegation has all that is below it.
TEST_F(ProviderFilterTest, TakesNoDelegationOfWhatIsExcluded) {
  options.filter = {.include = {"example.com"}, .exclude = {"db.prod.example.com"}};
  EXPECT_FALSE(takes(one("prod.example.com", "NS", {"ns.example.net"})));
  EXPECT_FALSE(takes(one("prod.example.com", "DNAME", {"example.net"})));
  EXPECT_TRUE(takes(one("prod.example.com", "A", {"192.0.2.1"})));
  options.filter.exclude = {".prod.example.com"};
  EXPECT_FALSE(takes(one("prod.example.com", "NS", {"ns.example.net"})));
}

}  // namespace
}  // namespace claviger::doors::externaldns
