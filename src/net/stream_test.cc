// SPDX-License-Identifier: Apache-2.0
#include "net/stream.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "net/testing/loop_fixture.h"
#include "net/testing/skipping_clock.h"

namespace claviger::net {
namespace {

using std::chrono::milliseconds;

struct SkippedTime {
  testing::SkippingClock clock;
};

struct StreamTest : ::testing::Test, SkippedTime, testing::LoopFixture {
  StreamTest() : LoopFixture(SkippedTime::clock) {}

  testing::StreamPair pair{loop()};
};

Task<Result<std::string>> read_once(Stream& stream, std::size_t most = 64) {
  std::vector<char> buffer(most);
  const std::size_t got = CLV_CO_TRY(co_await stream.read(buffer));
  co_return std::string(buffer.data(), got);
}

Task<Result<std::string>> read_to_end(Stream& stream) {
  std::string all;
  for (;;) {
    const std::string piece = CLV_CO_TRY(co_await read_once(stream, 4096));
    if (piece.empty()) co_return all;
    all += piece;
  }
}

Task<Result<void>> write_and_close(std::unique_ptr<Stream>& stream, std::string text) {
  CLV_CO_TRY_VOID(co_await stream->write_all(text));
  stream.reset();
  co_return ok();
}

TEST_F(StreamTest, BytesArriveInOrderAndThenTheEnd) {
  std::string text(1 << 20, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 26);
  // More than the socket holds: the writer has to wait for the reader, again and again.
  struct Run {
    static Task<void> drop(Task<Result<void>> task) { EXPECT_TRUE((co_await std::move(task)).has_value()); }
  };
  spawn(Run::drop(write_and_close(pair.near, text)));
  const auto all = finish(read_to_end(*pair.far));
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(*all, text);
}

TEST_F(StreamTest, AReaderIsWokenByItsDeadline) {
  pair.near->set_deadline_after(milliseconds(60));
  const auto result = finish(read_once(*pair.near));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), Code::kTimeout);
}

TEST_F(StreamTest, ADeadlineInThePastStillWakesWhoComesToWaitLater) {
  pair.near->set_deadline_after(milliseconds(1));
  run_until([&, until = loop().now() + milliseconds(150)] { return loop().now() > until; });
  const auto result = finish(read_once(*pair.near));
  EXPECT_EQ(result.error().code(), Code::kTimeout);
}

// Reads on and on, each time with a deadline that lies further away.
Task<void> read_patiently(Stream& stream, std::optional<Code>& error) {
  while (!error) {
    stream.set_read_deadline_after(std::chrono::seconds(300));
    const auto piece = co_await read_once(stream);
    if (!piece.has_value()) error = piece.error().code();
    else if (piece->empty()) error = Code::kClosed;
  }
}
Task<void> write_without_end(Stream& stream, std::optional<Code>& error) {
  stream.set_write_deadline(stream.loop().now() + std::chrono::seconds(120));
  const auto sent = co_await stream.write_all(std::string(4 << 20, 'x'));
  error = sent.has_value() ? Code::kClosed : sent.error().code();
}

TEST_F(StreamTest, APeerThatGoesOnSendingDoesNotPutOffTheEndOfItsNotReading) {
  std::optional<Code> reading, writing;
  spawn(read_patiently(*pair.near, reading));
  spawn(write_without_end(*pair.near, writing));
  for (int i = 0; i < 100 && !writing; ++i) {
    Result<std::size_t> sent{std::size_t{0}};
    (void)pair.far->try_write("x", sent);
    loop().turn(milliseconds(0));
    clock.skip(std::chrono::seconds(20));
    loop().turn(milliseconds(0));
  }
  EXPECT_EQ(writing, Code::kTimeout);
  EXPECT_FALSE(reading.has_value());  // whose time is not over
  clock.skip(std::chrono::seconds(301));
  EXPECT_TRUE(run_until([&] { return reading.has_value(); }));
  EXPECT_EQ(reading, Code::kTimeout);
}

TEST_F(StreamTest, CancelWakesWhoWaitsAndWhoComesToWait) {
  std::optional<Result<std::string>> result;
  struct Run {
    static Task<void> into(Task<Result<std::string>> task, std::optional<Result<std::string>>& out) {
      out = co_await std::move(task);
    }
  };
  spawn(Run::into(read_once(*pair.near), result));
  EXPECT_FALSE(result.has_value());
  pair.near->cancel();
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->error().code(), Code::kCancelled);
  EXPECT_EQ(finish(read_once(*pair.near)).error().code(), Code::kCancelled);
}

TEST_F(StreamTest, AnInterruptedReaderMayReadAgain) {
  std::optional<Result<std::string>> result;
  struct Run {
    static Task<void> into(Task<Result<std::string>> task, std::optional<Result<std::string>>& out) {
      out = co_await std::move(task);
    }
  };
  spawn(Run::into(read_once(*pair.near), result));
  pair.near->source().interrupt_reader();
  EXPECT_EQ(result->error().code(), Code::kCancelled);
  Result<std::size_t> sent{std::size_t{0}};
  pair.far->try_write("again", sent);
  EXPECT_EQ(*finish(read_once(*pair.near)), "again");
}

TEST_F(StreamTest, AHalfCloseIsTheEndOfReadingAndNotOfWriting) {
  pair.far->shutdown_write();
  EXPECT_EQ(*finish(read_once(*pair.near)), "");
  Result<std::size_t> sent{std::size_t{0}};
  ASSERT_EQ(pair.near->try_write("still", sent), Stream::Io::kDone);
  EXPECT_EQ(*finish(read_once(*pair.far)), "still");
}

TEST_F(StreamTest, DataThatComesWithTheCloseIsReadBeforeTheEnd) {
  Result<std::size_t> sent{std::size_t{0}};
  pair.far->try_write("last", sent);
  pair.far.reset();
  loop().turn(milliseconds(0));
  EXPECT_EQ(*finish(read_once(*pair.near)), "last");
  EXPECT_EQ(*finish(read_once(*pair.near)), "");
}

TEST_F(StreamTest, AWatcherIsToldOfAHangupThoughNobodyReads) {
  struct Watch final : HangupWatcher {
    void on_hangup() noexcept override { ++told; }
    int told = 0;
  } watch;
  pair.near->watch_hangup(&watch);
  pair.far.reset();
  EXPECT_TRUE(run_until([&] { return watch.told > 0; }));
  run_until([&, until = loop().now() + milliseconds(60)] { return loop().now() > until; });
  EXPECT_EQ(watch.told, 1);
}

TEST_F(StreamTest, ATaskDestroyedWhileItReadsLeavesNobodyToWake) {
  {
    Task<Result<std::string>> task = read_once(*pair.near);
    task.handle().resume();
  }
  Result<std::size_t> sent{std::size_t{0}};
  pair.far->try_write("to nobody", sent);
  loop().turn(milliseconds(20));
}

TEST_F(StreamTest, AStreamMayBeDestroyedByAnEventOfItsOwnBatch) {
  // Both ends become readable in one batch; the first to wake destroys the other.
  struct Run {
    static Task<void> kill(Stream& stream, std::unique_ptr<Stream>& victim) {
      char byte = 0;
      (void)co_await stream.read({&byte, 1});
      victim.reset();
    }
  };
  testing::StreamPair other(loop());
  spawn(Run::kill(*pair.near, other.near));
  loop().turn(milliseconds(0));
  Result<std::size_t> sent{std::size_t{0}};
  pair.far->try_write("x", sent);
  other.far->try_write("x", sent);
  EXPECT_TRUE(run_until([&] { return other.near == nullptr; }));
}

}  // namespace
}  // namespace claviger::net
