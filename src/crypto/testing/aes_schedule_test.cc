// SPDX-License-Identifier: Apache-2.0
#include "crypto/testing/aes_schedule.h"

#include <gtest/gtest.h>
#include <cstring>

#include "base/parse.h"
#include "base/secret_arena.h"

namespace claviger::crypto {
namespace {

using testing::aes_schedule_at;

// Leaves nothing behind that other tests of this binary would find in memory.
struct WipedBytes : std::vector<std::byte> {
  using vector::vector;
  WipedBytes(WipedBytes&&) noexcept = default;
  WipedBytes& operator=(WipedBytes&&) = delete;
  ~WipedBytes() { base::wipe(data(), size()); }
};

WipedBytes expand(std::string_view hex_key) {
  std::vector<std::byte> key(hex_key.size() / 2);
  EXPECT_TRUE(base::parse_hex(hex_key, key).has_value());
  WipedBytes schedule(key.size() == 32 ? testing::kAes256ScheduleSize : testing::kAes128ScheduleSize);
  testing::expand_aes_key(key, schedule);
  return schedule;
}

constexpr std::string_view kKey128 = "2b7e151628aed2a6abf7158809cf4f3c";
constexpr std::string_view kKey256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";

// FIPS 197, appendices A.1 and A.3: the last four words.
TEST(AesSchedule, ExpandsTheKeysOfFips197) {
  EXPECT_EQ(base::format_hex(std::span<const std::byte>(expand(kKey128)).last(16)),
            "d014f9a8c9ee2589e13f0cc8b6630ca6");
  EXPECT_EQ(base::format_hex(std::span<const std::byte>(expand(kKey256)).last(16)),
            "fe4890d1e6188d0b046df344706c631e");
}

TEST(AesSchedule, IsKnownInEitherLayoutAndNotWhenOneBitIsOff) {
  for (const std::string_view hex : {kKey128, kKey256}) {
    WipedBytes schedule = expand(hex);
    const unsigned bits = static_cast<unsigned>(hex.size()) * 4;
    EXPECT_EQ(aes_schedule_at(schedule), bits);
    EXPECT_EQ(testing::next_aes_candidate(schedule, 0), 0U);
    for (std::size_t at = 0; at < schedule.size(); at += 7) {
      schedule[at] ^= std::byte{1};
      EXPECT_EQ(aes_schedule_at(schedule), 0U) << at;
      schedule[at] ^= std::byte{1};
    }
    for (std::size_t at = 0; at < schedule.size(); at += 4) std::reverse(&schedule[at], &schedule[at] + 4);
    EXPECT_EQ(aes_schedule_at(schedule), bits);
    EXPECT_EQ(testing::next_aes_candidate(schedule, 0), 0U);
  }
}

TEST(AesSchedule, IsNotSeenInZerosOrTruncated) {
  EXPECT_EQ(aes_schedule_at(std::vector<std::byte>(256)), 0U);
  const WipedBytes schedule = expand(kKey256);
  EXPECT_EQ(aes_schedule_at(std::span(schedule).first(239)), 0U);
  EXPECT_EQ(aes_schedule_at({}), 0U);
}

TEST(AesSchedule, IsFoundWithinOtherMemory) {
  WipedBytes memory(4096);
  const WipedBytes schedule = expand(kKey128);
  std::ranges::copy(schedule, memory.begin() + 1000);
  EXPECT_EQ(testing::next_aes_candidate(memory, 0), 1000U);
  std::ranges::copy(schedule, memory.end() - testing::kAes128ScheduleSize);
  EXPECT_EQ(testing::next_aes_candidate(memory, 1200), 4096U - testing::kAes128ScheduleSize);
}

}  // namespace
}  // namespace claviger::crypto
