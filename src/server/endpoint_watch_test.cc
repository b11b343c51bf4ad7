// SPDX-License-Identifier: Apache-2.0
#include "server/endpoint_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "base/testing/fake_clock.h"

namespace claviger::server {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EndpointWatchTest : public ::testing::Test {
 protected:
  // What was recorded after a second more.
  std::vector<std::string> look() {
    events_.clear();
    clock_.advance(1s);
    watch_.look();
    return events_;
  }
  std::vector<std::string> look_until_told() {
    for (int i = 0; i < 20; ++i)
      if (!look().empty()) break;
    return events_;
  }

  base::testing::FakeClock clock_;
  gateway::UpstreamBook book_;
  std::optional<gateway::UpstreamStats> one_{std::in_place, &book_, "api",
                                             std::vector<std::string>{"a:1", "b:2"}};
  std::optional<gateway::UpstreamStats> other_{std::in_place, &book_, "api",
                                               std::vector<std::string>{"a:1", "b:2"}};
  std::vector<std::string> events_;
  EndpointWatch watch_{clock_, book_,
                       [this](audit::Event event) { events_.push_back(std::move(event).text()); }};
};

TEST_F(EndpointWatchTest, AnAddressIsOutWithOneWorkerAndBackWithAll) {
  EXPECT_THAT(look(), IsEmpty());
  one_->set_up(1, false);
  EXPECT_THAT(look(),
              ElementsAre(HasSubstr(R"("type":"upstream.endpoint_out","upstream":"api","endpoint":"b:2"})")));
  other_->set_up(1, false);
  EXPECT_THAT(look(), IsEmpty());
  one_->set_up(1, true);
  for (int i = 0; i < 20; ++i) EXPECT_THAT(look(), IsEmpty());
  other_->set_up(1, true);
  EXPECT_THAT(look(),
              ElementsAre(HasSubstr(R"("type":"upstream.endpoint_back","upstream":"api","endpoint":"b:2",)"
                                    R"("after_ms":22000})")));
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(EndpointWatchTest, OneThatComesAndGoesIsToldOfNowAndThen) {
  std::size_t told = 0;
  for (int i = 0; i < 600; ++i) {
    one_->set_up(0, i % 2 == 0);
    told += look().size();
  }
  EXPECT_LE(told, 61U);
  EXPECT_GE(told, 30U);
  one_->set_up(0, true);
  (void)look_until_told();
  EXPECT_THAT(look_until_told(), IsEmpty());  // it ends as it is
}

TEST_F(EndpointWatchTest, WhatIsTakenAwayIsNotBack) {
  one_->set_up(0, false);
  EXPECT_EQ(look().size(), 1U);
  one_.reset();
  other_.reset();
  EXPECT_THAT(look_until_told(), IsEmpty());
}

}  // namespace
}  // namespace claviger::server
