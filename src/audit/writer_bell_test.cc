// SPDX-License-Identifier: Apache-2.0
#include "audit/writer_bell.h"

#include <gtest/gtest.h>

#include <thread>

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

TEST(WriterBell, RungBeforeTheSleepItEndsIt) {
  WriterBell bell;
  bell.ring();
  bell.ring();
  EXPECT_TRUE(bell.sleep(1h));
  const auto begin = Steady::now();
  EXPECT_TRUE(bell.sleep(5ms));  // and that one only
  EXPECT_GE(Steady::now() - begin, 5ms);
}

TEST(WriterBell, RungDuringTheSleepItEndsIt) {
  WriterBell bell;
  const std::jthread ringer([&bell] {
    std::this_thread::sleep_for(3ms);
    bell.ring();
  });
  EXPECT_TRUE(bell.sleep(1h));
}

TEST(WriterBell, NoRingIsLost) {
  constexpr int kRings = 20'000;
  WriterBell bell;
  std::atomic<int> done{0}, seen{0};
  const std::jthread ringer([&] {
    for (int i = 1; i <= kRings; ++i) {
      while (seen.load() != i - 1) std::this_thread::yield();
      done.store(i, std::memory_order_relaxed);  // the bell orders it
      bell.ring();
    }
  });
  const auto begin = Steady::now();
  for (int i = 1; i <= kRings; ++i) {
    // It may wake for the ring before.
    while (done.load(std::memory_order_relaxed) != i) ASSERT_TRUE(bell.sleep(60s));
    seen.store(i);
  }
  EXPECT_LT(Steady::now() - begin, 60s);
}

TEST(WriterBell, ARestIsEndedByNobodyButStop) {
  WriterBell bell;
  bell.ring();
  const auto begin = Steady::now();
  EXPECT_TRUE(bell.rest(5ms));
  EXPECT_GE(Steady::now() - begin, 5ms);
  bell.stop();
  EXPECT_FALSE(bell.rest(1h));
  EXPECT_FALSE(bell.sleep(1h));
}

}  // namespace
}  // namespace claviger::audit
