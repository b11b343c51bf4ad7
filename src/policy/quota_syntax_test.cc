// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "policy/resources.h"

namespace claviger::policy {
namespace {

TEST(QuotaSyntax, IsReadWithItsWindow) {
  using std::chrono::hours;
  using std::chrono::minutes;
  EXPECT_EQ(*parse_quota("100000/d"), (Quota{.calls = 100'000, .window = hours(24)}));
  EXPECT_EQ(*parse_quota("1/h"), (Quota{.calls = 1, .window = hours(1)}));
  EXPECT_EQ(*parse_quota("1000000000000/min"), (Quota{.calls = 1'000'000'000'000, .window = minutes(1)}));
}

TEST(QuotaSyntax, RefusesWhatItDoesNotUnderstand) {
  for (const char* text :
       {"", "/", "/d", "100", "100/", "100/s", "100/day", "0/d", "-1/d", "1.5/d", "1e3/d", "01/d", " 1/d",
        "1/d ", "1 /d", "1/d/d", "1000000000001/d", "99999999999999999999999/d"}) {
    const auto quota = parse_quota(text);
    ASSERT_FALSE(quota.has_value()) << text;
    EXPECT_EQ(quota.error().code(), Code::kInvalid);
  }
}

}  // namespace
}  // namespace claviger::policy
