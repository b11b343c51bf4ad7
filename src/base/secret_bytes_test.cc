// SPDX-License-Identifier: Apache-2.0
#include "base/secret_bytes.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <string_view>
#include <type_traits>

namespace claviger::base {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

class SecretBytesTest : public ::testing::Test {
 protected:
  std::unique_ptr<SecretArena> arena_ =
      *SecretArena::create({.memory = SecretArena::Memory::kLocked, .limit = 2 << 20});
};

TEST_F(SecretBytesTest, CannotBeCopied) {
  EXPECT_FALSE(std::is_copy_constructible_v<SecretBytes>);
  EXPECT_FALSE(std::is_copy_assignable_v<SecretBytes>);
}

TEST_F(SecretBytesTest, StartsZeroFilledInTheArena) {
  const SecretBytes secret = *SecretBytes::allocate(*arena_, 100);
  EXPECT_EQ(secret.size(), 100U);
  EXPECT_TRUE(arena_->contains(secret.reveal().data()));
  EXPECT_TRUE(std::ranges::all_of(secret.reveal(), [](std::byte byte) { return byte == std::byte{}; }));
}

TEST_F(SecretBytesTest, CopiesWhatItIsGiven) {
  const SecretBytes secret = *SecretBytes::copy_of(*arena_, bytes_of("fake-token"));
  EXPECT_EQ(secret.reveal_text(), "fake-token");
}

TEST_F(SecretBytesTest, TakesNoBlockWhenEmpty) {
  const SecretBytes empty = *SecretBytes::copy_of(*arena_, {});
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(empty.reveal_text(), "");
  EXPECT_EQ(arena_->usage().in_use, 0U);
}

TEST_F(SecretBytesTest, GivesItsBlockBackAtTheEnd) {
  {
    const SecretBytes secret = *SecretBytes::allocate(*arena_, 100);
  }
  EXPECT_EQ(arena_->usage().in_use, 0U);
}

TEST_F(SecretBytesTest, LeavesNothingBehindWhenMoved) {
  SecretBytes first = *SecretBytes::copy_of(*arena_, bytes_of("fake-token"));
  SecretBytes second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the point
  EXPECT_EQ(second.reveal_text(), "fake-token");

  SecretBytes third = *SecretBytes::copy_of(*arena_, bytes_of("fake-other"));
  third = std::move(second);
  EXPECT_EQ(third.reveal_text(), "fake-token");
  EXPECT_EQ(arena_->usage().in_use, 32U);  // the other one is gone

  SecretBytes& itself = third;
  third = std::move(itself);
  EXPECT_EQ(third.reveal_text(), "fake-token");
}

TEST_F(SecretBytesTest, WipesTheTailWhenItShrinks) {
  SecretBytes secret = *SecretBytes::copy_of(*arena_, bytes_of("fake-token\n"));
  const std::byte* const data = secret.reveal().data();
  secret.shrink(10);
  EXPECT_EQ(secret.reveal_text(), "fake-token");
  EXPECT_EQ(data[10], std::byte{});
}

TEST_F(SecretBytesTest, SaysThatTheArenaIsSpent) {
  EXPECT_EQ(SecretBytes::allocate(*arena_, (1 << 20) + 1).error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace claviger::base
