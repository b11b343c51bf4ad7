// SPDX-License-Identifier: Apache-2.0
#include "server/shutdown.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "net/testing/loop_fixture.h"

namespace claviger::server {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr milliseconds kLong = std::chrono::hours(1);

// A gateway that writes down what is asked of it.
class ShutdownTest : public ::testing::Test, public net::testing::LoopFixture {
 protected:
  // Runs the control loop until it is stopped. False: it goes on, for as long as a test waits.
  bool stops(milliseconds within = std::chrono::seconds(2)) {
    net::Timer limit(loop());
    bool too_long = false;
    limit.start(within, [&] {
      too_long = true;
      loop().stop();
    });
    loop().run();
    return !too_long;
  }

  SystemClock clock_;
  base::Descriptor nowhere_{"/dev/null", O_WRONLY};
  telemetry::Log log_{telemetry::Level::kError, nowhere_.number(), clock_};
  std::vector<std::string> did_;
  std::size_t connections_ = 1;
  bool is_recorded_ = true;
  std::function<void()> drained_;
  Shutdown shutdown_{{.control = loop(),
                      .log = log_,
                      .connections = [this] { return connections_; },
                      .drain =
                          [this](std::function<void()> drained) {
                            did_.emplace_back("drain");
                            drained_ = std::move(drained);
                          },
                      .end_calls = [this] { did_.emplace_back("end calls"); },
                      .is_recorded = [this] { return is_recorded_; }}};
};

TEST_F(ShutdownTest, DrainsAndStopsWhenTheLastConnectionIsGone) {
  EXPECT_FALSE(shutdown_.has_begun());
  shutdown_.ask({.delay = milliseconds(0), .timeout = kLong});
  EXPECT_TRUE(shutdown_.has_begun());
  EXPECT_THAT(did_, ElementsAre("drain"));
  connections_ = 0;
  drained_();
  EXPECT_TRUE(stops());
}

TEST_F(ShutdownTest, SaysThatItIsNotReadyBeforeItTurnsAnybodyAway) {
  shutdown_.ask({.delay = milliseconds(50), .timeout = kLong});
  EXPECT_TRUE(shutdown_.has_begun());
  EXPECT_THAT(did_, IsEmpty());
  EXPECT_TRUE(run_until([&] { return !did_.empty(); }));
  EXPECT_THAT(did_, ElementsAre("drain"));
}

TEST_F(ShutdownTest, EndsCallsThatOutlastTheTimeOut) {
  shutdown_.ask({.delay = milliseconds(0), .timeout = milliseconds(30)});
  EXPECT_TRUE(stops());
  EXPECT_THAT(did_, ElementsAre("drain", "end calls"));
}

TEST_F(ShutdownTest, EndsAtOnceWhenItIsAskedTwice) {
  shutdown_.ask({.delay = milliseconds(0), .timeout = kLong});
  shutdown_.ask({.delay = milliseconds(0), .timeout = kLong});
  EXPECT_TRUE(stops());
  EXPECT_THAT(did_, ElementsAre("drain", "end calls"));
}

TEST_F(ShutdownTest, EndsAtOnceWhenItIsAskedTwiceBeforeItDrains) {
  shutdown_.ask({.delay = kLong, .timeout = kLong});
  shutdown_.ask({.delay = kLong, .timeout = kLong});
  EXPECT_TRUE(stops());
  EXPECT_THAT(did_, ElementsAre("end calls"));
}

TEST_F(ShutdownTest, EndsOnceHoweverOftenItIsAskedAndWhoeverElseIsDone) {
  shutdown_.ask({.delay = milliseconds(0), .timeout = kLong});
  for (int i = 0; i < 5; ++i) shutdown_.ask({.delay = milliseconds(0), .timeout = kLong});
  drained_();
  EXPECT_TRUE(stops());
  EXPECT_THAT(did_, ElementsAre("drain", "end calls"));
}

TEST_F(ShutdownTest, WaitsForWhatIsYetToBeWrittenDown) {
  is_recorded_ = false;
  connections_ = 0;
  shutdown_.ask({.delay = milliseconds(0), .timeout = kLong});
  drained_();
  EXPECT_FALSE(stops(milliseconds(200)));
  is_recorded_ = true;
  EXPECT_TRUE(stops());
}

}  // namespace
}  // namespace claviger::server
