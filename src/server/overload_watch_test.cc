// SPDX-License-Identifier: Apache-2.0
#include "server/overload_watch.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "base/file.h"
#include "net/testing/loop_fixture.h"

namespace claviger::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OverloadWatchTest : public ::testing::Test, public net::testing::LoopFixture {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC), 0);
    read_ = base::Descriptor(ends[0]);
    write_ = base::Descriptor(ends[1]);
    log_.emplace(telemetry::Level::kInfo, write_.number(), clock_);
    watch_.emplace(
        loop(), *log_, overload_, [this](bool waits) { told_.push_back(waits); }, [this] { ++shed_; });
  }
  std::string logged() {
    std::array<char, 4096> text{};
    const ssize_t size = ::read(read_.number(), text.data(), text.size());
    return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  }

  SystemClock clock_;
  base::Descriptor read_, write_;
  std::optional<telemetry::Log> log_;
  Overload::Usage usage_{.memory = 1, .descriptors = 1};
  Overload overload_{{.memory = 1000, .descriptors = 1000}, [this] { return usage_; }};
  std::vector<bool> told_;
  int shed_ = 0;  // how often it began or ended
  std::optional<OverloadWatch> watch_;
};

TEST_F(OverloadWatchTest, SaysWhenSheddingBeginsAndWhenItEnds) {
  watch_->look();
  EXPECT_TRUE(told_.empty());
  EXPECT_EQ(logged(), "");

  usage_.memory = 2000;
  EXPECT_TRUE(run_until([&] { return told_.size() == 1; }));
  EXPECT_THAT(logged(), HasSubstr(R"("event":"shedding_began","reason":"memory","memory":2000)"));

  usage_.memory = 1;
  EXPECT_TRUE(run_until([&] { return told_.size() == 2; }));
  EXPECT_THAT(logged(), HasSubstr(R"("event":"shedding_ended")"));
  EXPECT_THAT(told_, ElementsAre(true, false));
  EXPECT_EQ(shed_, 2);
}

TEST_F(OverloadWatchTest, HasConnectionsWaitFromTightOnUntilThereIsEnoughAgain) {
  usage_.memory = 960;
  watch_->look();
  EXPECT_THAT(told_, ElementsAre(true));
  EXPECT_EQ(logged(), "");
  usage_.memory = 2000;
  watch_->look();
  EXPECT_THAT(told_, ElementsAre(true));  // they wait already
  EXPECT_THAT(logged(), HasSubstr("shedding_began"));
  usage_.memory = 940;
  watch_->look();
  EXPECT_THAT(told_, ElementsAre(true));
  usage_.memory = 900;
  watch_->look();
  EXPECT_THAT(told_, ElementsAre(true, false));
}

}  // namespace
}  // namespace claviger::server
