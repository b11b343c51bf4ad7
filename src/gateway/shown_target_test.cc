// SPDX-License-Identifier: Apache-2.0
#include "gateway/shown_target.h"

#include <gtest/gtest.h>

#include <string>

#include "base/json.h"
#include "gateway/testing/stand.h"

namespace claviger::gateway {
namespace {

class ShownTargetTest : public ::testing::Test {
 protected:
  ShownTargetTest() {
    policy::Resources resources = stand.resources();
    for (policy::UpstreamResource& upstream : resources.upstreams)
      upstream.record = *policy::RecordRules::read(*base::parse_json(
          R"({"hide_path":["/bot{*}","/v1/hooks/{**}"],"show_query":["page","limit","flag","key"]})", "test",
          100));
    stand.adopt(std::move(resources));
  }
  // As path and query are shown of a call that went as far as it got.
  std::string shown(const std::string& target, const std::string& fields = "X-API-Key: $KEY\r\n") {
    Call call = stand.call("GET " + target + " HTTP/1.1\r\nHost: g\r\n" + fields + "\r\n");
    call.world = stand.worker().pools.current();
    (void)stand.run(call);
    const ShownTarget::Views views = target_.of(call);
    return std::string(views.path) + (views.query.empty() ? "" : "?") + std::string(views.query);
  }

  testing::Stand stand;
  ShownTarget target_;
};

TEST_F(ShownTargetTest, AQueryShowsNamesAndNoValuesButThoseOfTheRules) {
  EXPECT_EQ(shown("/api/v1/x"), "/api/v1/x");
  EXPECT_EQ(shown("/api/v1/x?"), "/api/v1/x");
  EXPECT_EQ(shown("/api/v1/x?page=2&q=fake-secret&limit=10"), "/api/v1/x?page=2&q=*&limit=10");
  EXPECT_EQ(shown("/api/v1/x?q=&page="), "/api/v1/x?q=&page=");
  EXPECT_EQ(shown("/api/v1/x?flag&fake-secret&&"), "/api/v1/x?flag&*&&");
  EXPECT_EQ(shown("/api/v1/x?a=fake=secret"), "/api/v1/x?a=*");
  EXPECT_EQ(shown("/api/v1/x?page=2;token=fake"), "/api/v1/x?page=2;token=*");
  EXPECT_EQ(shown("/api/v1/x?Page=2"), "/api/v1/x?Page=*");
  EXPECT_EQ(shown("/api/v1/x?" + std::string(65, 'n') + "=1"), "/api/v1/x?*=*");
}

TEST_F(ShownTargetTest, AParameterThatACredentialSetsIsNeverShown) {
  EXPECT_EQ(shown("/legacy/x?key=fake-secret&page=1"), "/legacy/x?key=*&page=1");
  EXPECT_EQ(shown("/api/v1/x?key=1"), "/api/v1/x?key=1");
}

TEST_F(ShownTargetTest, WhatTheRulesHideIsHiddenHoweverFarTheCallGot) {
  EXPECT_EQ(shown("/api/bot123/x"), "/api/bot*/x");  // denied
  EXPECT_EQ(shown("/api/v1/hooks/a/b"), "/api/v1/hooks/*");  // allowed
  EXPECT_EQ(shown("/api/bot123/x?token=1", ""), "/api/bot*/x?token=*");  // of nobody
  EXPECT_EQ(shown("/api/a%2Fbot123/x"), "/api/*");
  EXPECT_EQ(shown("/nowhere/bot123?page=2"), "/nowhere/bot123?page=*");
}

TEST_F(ShownTargetTest, WhatIsNotCanonicalIsNotShownAtAll) {
  EXPECT_EQ(shown("/api/../x?page=1"), "");
  Call call;
  EXPECT_EQ(target_.of(call).path, "");
}

TEST_F(ShownTargetTest, HasRoomForWhateverComes) {
  const std::string path = "/api/bot" + std::string(10'000, 'x') + "/" + std::string(10'000, 'y');
  std::string query;
  for (int i = 0; i < 5'000; ++i) query += "n=1&";
  http::RequestHead head;
  head.path = path;
  head.query = query;
  Call call;
  call.head = &head;
  call.world = stand.worker().pools.current();
  call.path_is_canonical = true;
  const ShownTarget::Views shown = target_.of(call);
  EXPECT_TRUE(shown.path.starts_with("/api/bot*/yyyy"));
  EXPECT_EQ(shown.path.size(), std::size_t{8} << 10);
  EXPECT_TRUE(shown.query.starts_with("n=*&n=*&"));
  EXPECT_EQ(shown.query.size(), std::size_t{2} << 10);
}

}  // namespace
}  // namespace claviger::gateway
