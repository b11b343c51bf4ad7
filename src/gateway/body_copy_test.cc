// SPDX-License-Identifier: Apache-2.0
#include "gateway/body_copy.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::gateway {
namespace {

struct BodyCopyTest : ::testing::Test {
  net::BufferPool pool;
  std::size_t held = 0;

  static std::string text_of(const BodyCopy& copy) {
    std::string text;
    for (const net::Buffer& piece : copy.pieces()) text += piece.filled();
    return text;
  }
};

TEST_F(BodyCopyTest, KeepsWhatIsAddedInOrder) {
  std::string all;
  {
    BodyCopy copy(pool, held);
    copy.begin(kMostDigested);
    for (int i = 0; i < 50; ++i) {
      const std::string piece(static_cast<std::size_t>(1000 + i * 131), static_cast<char>('a' + i % 26));
      ASSERT_EQ(copy.add(piece), BodyCopy::Added::kKept);
      all += piece;
    }
    EXPECT_FALSE(copy.is_whole());
    copy.end();
    EXPECT_TRUE(copy.is_whole());
    EXPECT_EQ(copy.size(), all.size());
    EXPECT_EQ(text_of(copy), all);
    EXPECT_EQ(copy.digest(), crypto::Sha256().digest(all));
    EXPECT_GT(held, 0U);
  }
  EXPECT_EQ(held, 0U);
}

TEST_F(BodyCopyTest, ABodyOfNothingIsWhole) {
  BodyCopy copy(pool, held);
  copy.begin(10);
  copy.end();
  EXPECT_TRUE(copy.is_whole());
  EXPECT_EQ(copy.digest(), crypto::Sha256().digest(std::string_view()));
}

TEST_F(BodyCopyTest, DropsAllOfABodyThatIsTooLarge) {
  BodyCopy copy(pool, held);
  copy.begin(kMostRepeated);
  ASSERT_EQ(copy.add(std::string(kMostRepeated, 'x')), BodyCopy::Added::kKept);
  EXPECT_EQ(copy.add("x"), BodyCopy::Added::kTooLarge);
  EXPECT_EQ(copy.add("more"), BodyCopy::Added::kKept);
  copy.end();
  EXPECT_FALSE(copy.is_whole());
  EXPECT_EQ(held, 0U);
}

TEST_F(BodyCopyTest, KeepsNothingBeforeItIsToldTo) {
  BodyCopy copy(pool, held);
  copy.add("piece");
  copy.end();
  EXPECT_FALSE(copy.is_whole());
  EXPECT_EQ(held, 0U);
}

TEST_F(BodyCopyTest, HasNoRoomWhereOthersHoldIt) {
  held = kMostHeldByWorker - net::kBufferSize;
  {
    BodyCopy copy(pool, held);
    copy.begin(kMostDigested);
    ASSERT_EQ(copy.add("fits"), BodyCopy::Added::kKept);
    EXPECT_EQ(copy.add(std::string(net::kBufferSize, 'x')), BodyCopy::Added::kNoRoom);
  }
  EXPECT_EQ(held, kMostHeldByWorker - net::kBufferSize);
}

TEST_F(BodyCopyTest, WhatIsOnlyToBeRepeatedLeavesTheLastOfTheRoomToWhatHasToBeHeld) {
  held = kMostHeldByWorker / 4 * 3;
  BodyCopy again(pool, held);
  again.begin(kMostRepeated);
  EXPECT_EQ(again.add("piece"), BodyCopy::Added::kNoRoom);
  BodyCopy digested(pool, held);
  digested.begin(kMostDigested);
  EXPECT_EQ(digested.add("piece"), BodyCopy::Added::kKept);
}

TEST_F(BodyCopyTest, WhatIsLetGoOfIsWholeNoMore) {
  BodyCopy copy(pool, held);
  copy.begin(kMostRepeated);
  copy.add("piece");
  copy.end();
  copy.let_go();
  EXPECT_FALSE(copy.is_whole());
  EXPECT_EQ(held, 0U);
}

}  // namespace
}  // namespace claviger::gateway
