// SPDX-License-Identifier: Apache-2.0
#include "crypto/random.h"

#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace claviger::crypto {
namespace {

class Random : public ::testing::TestWithParam<void (*)(std::span<std::byte>) noexcept> {};

INSTANTIATE_TEST_SUITE_P(Sources, Random, ::testing::Values(random_bytes, random_secret),
                         [](const auto& which) { return which.param == random_bytes ? "Bytes" : "Secret"; });

TEST_P(Random, FillsAllOfItsOutputAndNoMore) {
  // Every position gets every kind of value in time; one that was never written would stay as it was.
  std::vector<std::set<std::byte>> seen(40);
  for (int round = 0; round < 64; ++round) {
    std::vector<std::byte> out(42, std::byte{0xee});
    GetParam()(std::span(out).subspan(1, 40));
    EXPECT_EQ(out.front(), std::byte{0xee});
    EXPECT_EQ(out.back(), std::byte{0xee});
    for (std::size_t i = 0; i < seen.size(); ++i) seen[i].insert(out[i + 1]);
  }
  for (const auto& values : seen) EXPECT_GT(values.size(), 30U);
}

TEST_P(Random, NeverRepeatsItself) {
  std::set<std::vector<std::byte>> drawn;
  for (int round = 0; round < 1000; ++round) {
    std::vector<std::byte> out(12);
    GetParam()(out);
    EXPECT_TRUE(drawn.insert(out).second);
  }
}

TEST_P(Random, TakesAnEmptySpan) { GetParam()({}); }

}  // namespace
}  // namespace claviger::crypto
