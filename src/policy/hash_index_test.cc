// SPDX-License-Identifier: Apache-2.0
#include "policy/hash_index.h"

#include <gtest/gtest.h>

namespace claviger::policy {
namespace {

TEST(HashIndex, FindsAmongEqualHashes) {
  HashIndex index(3);
  for (std::uint32_t i = 0; i < 3; ++i) index.insert(42, i);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(index.find(42, [&](std::uint32_t at) { return at == i; }), i);
  }
  EXPECT_EQ(index.find(42, [](std::uint32_t) { return false; }), HashIndex::kNone);
}

TEST(HashIndex, OfNothingFindsNothing) {
  const auto any = [](std::uint32_t) { return true; };
  EXPECT_EQ(HashIndex().find(1, any), HashIndex::kNone);
  EXPECT_EQ(HashIndex(0).find(1, any), HashIndex::kNone);
}

}  // namespace
}  // namespace claviger::policy
