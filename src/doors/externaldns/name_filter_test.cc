// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/name_filter.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::doors::externaldns {
namespace {

TEST(NameFilters, WithNothingInThemLetAllThrough) { EXPECT_TRUE(NameFilter({}).lets_through("example.com")); }

TEST(NameFilters, OfListsAreForANameAndWhatIsBelowIt) {
  const NameFilter filter({.include = {"example.com", ".example.org"}, .exclude = {"secret.example.com"}});
  for (const char* name : {"example.com", "www.example.com", "www.example.org", "notsecret.example.com"})
    EXPECT_TRUE(filter.lets_through(name)) << name;
  for (const char* name :
       {"example.org", "notexample.com", "com", "secret.example.com", "a.secret.example.com"})
    EXPECT_FALSE(filter.lets_through(name)) << name;
}

TEST(NameFilters, OfExpressionsFindThemAnywhereAndExcludeFirst) {
  const NameFilter filter({.regex_include = R"(\.example\.com$)", .regex_exclude = "^(kube|etcd)-"});
  EXPECT_TRUE(filter.lets_through("www.example.com"));
  EXPECT_FALSE(filter.lets_through("example.com"));
  EXPECT_FALSE(filter.lets_through("kube-api.example.com"));
  const NameFilter excluding({.regex_exclude = "secret"});
  EXPECT_TRUE(excluding.lets_through("www.example.com"));
  EXPECT_FALSE(excluding.lets_through("top-secret.example.com"));
}

TEST(NameFilters, OfExpressionsSeeNamesAsPeopleWriteThem) {
  const NameFilter filter({.regex_include = "^b\xc3\xbc"
                                            "cher"});
  EXPECT_TRUE(filter.lets_through("xn--bcher-kva.example.com"));
  EXPECT_FALSE(filter.lets_through("bucher.example.com"));
}

TEST(NameFilters, OfExpressionsThatAreNoneLetNothingThrough) {
  EXPECT_FALSE(NameFilter({.regex_include = "("}).lets_through("example.com"));
  EXPECT_FALSE(NameFilter({.regex_exclude = "("}).lets_through("example.com"));
  EXPECT_TRUE(check_expression("^a|b$").has_value());
  const auto wrong = check_expression("a(b");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(std::string(wrong.error().what()), "missing ): a(b");
}

}  // namespace
}  // namespace claviger::doors::externaldns
