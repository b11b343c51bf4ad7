// SPDX-License-Identifier: Apache-2.0
#include "http/cross_site.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace claviger::http {
namespace {

RequestHead with(std::initializer_list<Field> fields) {
  RequestHead head;
  head.host = "gateway.example:8443";
  for (const Field& field : fields) head.fields.add(field);
  return head;
}

bool is_other(std::initializer_list<Field> fields) { return is_of_another_origin(with(fields)); }

TEST(CrossSite, IsWhatABrowserSendsForAnotherSite) {
  EXPECT_TRUE(is_other({{"Sec-Fetch-Site", "cross-site"}}));
  EXPECT_TRUE(is_other({{"sec-fetch-site", "same-site"}}));
  EXPECT_TRUE(is_other({{"Sec-Fetch-Site", ""}}));
  EXPECT_TRUE(is_other({{"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Site", "cross-site"}}));
  EXPECT_FALSE(is_other({{"Sec-Fetch-Site", "same-origin"}}));
  EXPECT_FALSE(is_other({{"Sec-Fetch-Site", "none"}}));
  EXPECT_TRUE(is_fetched_for_another_site(with({{"Sec-Fetch-Site", "cross-site"}}).fields));
}

TEST(CrossSite, IsWhatComesOfAnotherOrigin) {
  EXPECT_TRUE(is_other({{"Origin", "https://evil.example"}}));
  EXPECT_TRUE(is_other({{"Origin", "null"}}));
  EXPECT_TRUE(is_other({{"Origin", ""}}));
  EXPECT_TRUE(is_other({{"Origin", "https://gateway.example"}}));  // another port
  EXPECT_TRUE(is_other({{"Origin", "http://gateway.example:8443"}}));
  EXPECT_TRUE(is_other({{"Origin", "https://gateway.example:8443.evil.example"}}));
  EXPECT_TRUE(is_other({{"origin", "https://gateway.example:8443"}, {"Origin", "https://evil.example"}}));
  EXPECT_TRUE(is_other({{"Sec-Fetch-Site", "same-origin"}, {"Origin", "https://evil.example"}}));
  EXPECT_FALSE(is_other({{"Origin", "https://Gateway.example:8443"}}));
}

TEST(CrossSite, IsNothingThatNoBrowserSent) { EXPECT_FALSE(is_other({{"Referer", "https://evil.example"}})); }

}  // namespace
}  // namespace claviger::http
