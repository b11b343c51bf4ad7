// SPDX-License-Identifier: Apache-2.0
#include "net/buffer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace claviger::net {
namespace {

TEST(Buffer, HoldsNoMemoryUntilSomethingIsAskedOfIt) {
  BufferPool pool;
  const Buffer buffer(pool);
  EXPECT_FALSE(buffer.has_memory());
  EXPECT_EQ(pool.bytes(), 0U);
}

TEST(Buffer, IsWipedWhenGivenBackAndLentAgain) {
  BufferPool pool;
  Buffer first(pool);
  constexpr std::string_view kText = "an answer that echoes a secret";
  ASSERT_TRUE(first.append(kText));
  first.consume(10);  // what was consumed counts, too
  first.release();
  Buffer second(pool);
  const std::span<char> room = second.room();
  EXPECT_EQ(pool.bytes(), kBufferSize);
  EXPECT_TRUE(std::all_of(room.begin(), room.begin() + kText.size(), [](char c) { return c == 0; }));
}

TEST(Buffer, WipesWhatWasMovedToTheFrontAndBehind) {
  BufferPool pool;
  Buffer first(pool);
  ASSERT_TRUE(first.append("0123456789secret"));
  first.consume(10);
  first.compact();
  EXPECT_EQ(first.filled(), "secret");
  first.release();
  Buffer second(pool);
  const std::span<char> room = second.room();
  EXPECT_TRUE(std::all_of(room.begin(), room.begin() + 16, [](char c) { return c == 0; }));
}

TEST(Buffer, RefusesWhatDoesNotFitAndTakesNothingOfIt) {
  BufferPool pool;
  Buffer buffer(pool);
  ASSERT_TRUE(buffer.append(std::string(kBufferSize - 1, 'x')));
  EXPECT_FALSE(buffer.append("yz"));
  EXPECT_TRUE(buffer.append("y"));
  EXPECT_EQ(buffer.filled().size(), kBufferSize);
  EXPECT_TRUE(buffer.room().empty());
}

TEST(Buffer, MovingHandsTheMemoryOn) {
  BufferPool pool;
  Buffer first(pool);
  first.append("text");
  Buffer second(std::move(first));
  EXPECT_EQ(second.filled(), "text");
  first = std::move(second);
  EXPECT_EQ(first.filled(), "text");
  EXPECT_EQ(pool.bytes(), kBufferSize);
}

TEST(Lent, IsThereFromMakeToReleaseAndItsMemoryServesTheNext) {
  struct Thing {
    int number = 7;
  };
  BufferPool pool;
  Lent<Thing> first(pool);
  EXPECT_FALSE(first.is_there());
  EXPECT_EQ(pool.bytes(), 0U);
  EXPECT_EQ(first.make().number, 7);
  first->number = 8;
  EXPECT_EQ(first.make().number, 8);  // the same
  first.release();
  EXPECT_FALSE(first.is_there());
  Lent<Thing> second(pool);
  EXPECT_EQ(second.make().number, 7);  // made anew
  EXPECT_EQ(pool.bytes(), kLentSize);
}

}  // namespace
}  // namespace claviger::net
