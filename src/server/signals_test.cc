// SPDX-License-Identifier: Apache-2.0
#include "server/signals.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <string>

#include "net/testing/loop_fixture.h"

namespace claviger::server {
namespace {

struct SignalsTest : ::testing::Test, net::testing::LoopFixture {
  void SetUp() override {
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    signals = *Signals::block(loop());
  }
  void TearDown() override {
    signals.reset();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  // 'r' for reload, 's' for shut down.
  void watch() {
    ASSERT_TRUE(signals->watch([this] { seen += 'r'; }, [this] { seen += 's'; }).has_value());
  }

  sigset_t before{};
  std::unique_ptr<Signals> signals;
  std::string seen;
};

TEST_F(SignalsTest, BecomeEventsOfTheLoop) {
  watch();
  for (const int each : {SIGHUP, SIGTERM, SIGINT, SIGHUP}) {
    const std::size_t known = seen.size();
    ::raise(each);
    EXPECT_EQ(seen.size(), known);  // nothing happens in between
    ASSERT_TRUE(run_until([&] { return seen.size() > known; }));
  }
  EXPECT_EQ(seen, "rssr");
}

TEST_F(SignalsTest, AreNotLostWhileTheGatewayStarts) {
  ::raise(SIGTERM);
  watch();
  ASSERT_TRUE(run_until([&] { return !seen.empty(); }));
  EXPECT_EQ(seen, "s");
}

}  // namespace
}  // namespace claviger::server
