// SPDX-License-Identifier: Apache-2.0
#include "policy/siphash.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::policy {
namespace {

// From the paper (appendix A) and the authors' vectors: key 00 01 .. 0f, input 00 01 .. (n-1).
TEST(SipHash, GivesThePublishedVectors) {
  const auto hash = [](std::size_t size) {
    std::string input;
    for (std::size_t i = 0; i < size; ++i) input += static_cast<char>(i);
    return SipHash(0x0706050403020100, 0x0f0e0d0c0b0a0908).finish(input);
  };
  EXPECT_EQ(hash(0), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(hash(1), 0x74f839c593dc67fdu);
  EXPECT_EQ(hash(8), 0x93f5f5799a932462u);
  EXPECT_EQ(hash(15), 0xa129ca6149be45e5u);
}

TEST(SipHash, TakesWordsAsTheirBytes) {
  EXPECT_EQ(SipHash(1, 2).add_word(0x6867666564636261).finish("ij"), SipHash(1, 2).finish("abcdefghij"));
}

}  // namespace
}  // namespace claviger::policy
