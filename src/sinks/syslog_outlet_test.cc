// SPDX-License-Identifier: Apache-2.0
#include "sinks/syslog_outlet.h"

#include <gtest/gtest.h>

#include "sinks/testing/stand.h"

namespace claviger::sinks {
namespace {

using namespace std::chrono_literals;

TEST(SyslogSink, SendsAgainWhatTheServersKernelTookAndTheServerNeverRead) {
  testing::Stand stand;
  const auto server = testing::make_syslog_peer();
  stand.write_log(20, 10);
  const auto sink = stand.make_sink(server->make_outlet(stand.around()));
  sink->start();
  ASSERT_TRUE(
      stand.pass_until([&] { return sink->state().sent == 20; }));  // the server does nothing meanwhile
  EXPECT_EQ(sink->state().behind_events, 0U);
  EXPECT_GT(sink->state().behind_seconds, 0U);  // nobody knows whether it has them
  server->set_up(false);
  server->set_up(true);
  EXPECT_TRUE(stand.pass_until([&] { return server->records().size() >= 22; }, server.get()));
  EXPECT_GE(sink->state().failed, 1U);
  stand.pass(8s, server.get());
  EXPECT_EQ(server->records().size(),
            22U);  // twenty events and two checkpoints: read, they are in no doubt any more
  EXPECT_EQ(sink->state().behind_seconds, 0U);
}

TEST(SyslogSink, HearsFromTheKernelThatThePeerIsGoneBeforeTheLoopTellsIt) {
  testing::Stand stand;
  const auto server = testing::make_syslog_peer();
  const auto outlet = server->make_outlet(stand.around());
  bool is_delivered = false;
  const auto deliver = [&]() -> net::Task<void> {
    is_delivered = (co_await outlet->deliver("1 x")).has_value();
  };
  auto task = deliver();
  task.handle().resume();
  ASSERT_TRUE(stand.pass_until([&] { return is_delivered; }));
  EXPECT_TRUE(outlet->still_good().has_value());
  server->set_up(false);  // no turn of the loop since
  EXPECT_FALSE(outlet->still_good().has_value());
}

}  // namespace
}  // namespace claviger::sinks
