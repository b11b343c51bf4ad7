// SPDX-License-Identifier: Apache-2.0
#include "audit/reader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "audit/log.h"
#include "audit/log_files.h"
#include "audit/note.h"
#include "audit/saved_state.h"
#include "audit/testing/log_life.h"
#include "audit/testing/sample_log.h"
#include "audit/testing/test_signer.h"

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;
using testing::joined;
using testing::lines_of;
namespace fs = std::filesystem;

constexpr std::uint64_t kEvents = 3000;

// 3000 events in three segments: from 0, 1000 and 1700 on.
class ReaderTest : public ::testing::Test {
 protected:
  ReaderTest() {
    fs::create_directory(log());
    for (std::uint64_t i = 0; i < kEvents; ++i) text_ += testing::sample_event(i) + "\n";
    lines_ = lines_of(text_);
    for (std::size_t i = 0; i < firsts_.size(); ++i)
      put(segment_name(firsts_[i]), part(firsts_[i], i + 1 < firsts_.size() ? firsts_[i + 1] : kEvents));
  }
  std::string log() const { return directory_.path("audit"); }
  void put(const std::string& name, const std::string& text) {
    testing::write_file(log() + "/" + name, text);
  }
  std::string part(std::uint64_t first, std::uint64_t end) const {
    return joined({lines_.begin() + static_cast<std::ptrdiff_t>(first),
                   lines_.begin() + static_cast<std::ptrdiff_t>(end)});
  }
  LogPlace place(std::uint64_t event, std::uint64_t segment) const {
    return {event, segment, part(segment, event).size()};
  }
  std::string read_all(LogPlace at, std::size_t bytes) const {
    std::string all;
    for (;;) {
      const auto piece = read_lines_from(log(), at, bytes);
      EXPECT_TRUE(piece.has_value()) << piece.error().what();
      if (!piece.has_value() || piece->lines.empty()) return all;
      EXPECT_LE(piece->lines.size(), std::max<std::size_t>(bytes, 9000));
      EXPECT_EQ(piece->first_event, at.event);
      EXPECT_EQ(piece->events, lines_of(piece->lines).size());
      EXPECT_EQ(piece->next.event, piece->first_event + piece->events);
      all += piece->lines;
      at = piece->next;
    }
  }

  testing::TemporaryDirectory directory_;
  const std::vector<std::uint64_t> firsts_{0, 1000, 1700};
  std::string text_;
  std::vector<std::string> lines_;
};

TEST_F(ReaderTest, GivesTheLastLinesOverSegments) {
  for (const std::size_t count : {0U, 1U, 2U, 1299U, 1300U, 1301U, 2000U, 2001U, 2999U, 3000U, 5000U}) {
    const auto piece = read_last_lines(log(), count);
    ASSERT_TRUE(piece.has_value());
    const std::uint64_t first = kEvents - std::min<std::uint64_t>(count, kEvents);
    EXPECT_EQ(piece->lines, part(first, kEvents)) << count;
    EXPECT_EQ(piece->first_event, first);
    EXPECT_EQ(piece->events, kEvents - first);
    EXPECT_EQ(piece->next, place(kEvents, 1700));
  }
}

TEST_F(ReaderTest, GivesAllLinesPieceByPiece) {
  EXPECT_EQ(read_all({}, 10'000), text_);
  EXPECT_EQ(read_all({}, std::size_t{1} << 20), text_);
  EXPECT_EQ(read_all(place(999, 0), 1), part(999, kEvents));
  EXPECT_FALSE(read_lines_from(log(), {}, 1)->lines.empty());
}

// The end of one segment is the beginning of the next, and a place at either goes on with the same line.
TEST_F(ReaderTest, GoesOverToTheNextSegmentByItself) {
  for (const LogPlace& at : {place(1000, 0), place(1000, 1000)}) {
    const auto piece = read_lines_from(log(), at, 1);
    ASSERT_TRUE(piece.has_value());
    EXPECT_EQ(piece->first_event, 1000U);
    EXPECT_EQ(piece->next.segment, 1000U);
    EXPECT_TRUE(piece->lines.starts_with(lines_[1000]));
  }
  put(segment_name(3000), "");
  const auto at_end = read_lines_from(log(), place(kEvents, 1700), 100);
  EXPECT_EQ(at_end->lines, "");
  EXPECT_EQ(at_end->next, (LogPlace{3000, 3000, 0}));
  EXPECT_EQ(*log_end(log()), (LogPlace{3000, 3000, 0}));
  EXPECT_EQ(read_last_lines(log(), 5)->lines, part(2995, kEvents));
}

TEST_F(ReaderTest, FindsEventsByTheirNumber) {
  EXPECT_EQ(*log_begin(log()), (LogPlace{0, 0, 0}));
  EXPECT_EQ(*log_end(log()), place(kEvents, 1700));
  for (const std::uint64_t number : {0U, 1U, 999U, 1000U, 1001U, 1699U, 1700U, 2999U, 3000U}) {
    const auto found = find_event(log(), number);
    ASSERT_TRUE(found.has_value()) << number;
    EXPECT_EQ(*found, place(number, number < 1000 ? 0 : number < 1700 ? 1000 : 1700)) << number;
  }
  EXPECT_EQ(find_event(log(), kEvents + 1).error().blame(), Blame::kCaller);
}

// It only says where to begin to count; one that is wrong is not believed.
TEST_F(ReaderTest, BeginsToCountWhereTheStateSaysAsFarAsThatCanBe) {
  testing::TestSigner signer;
  const VerifierKey key{testing::kSampleOrigin, signer.public_key()};
  const auto state = [&](const LogPlace& at) {
    SavedState saved{.segment = at.segment, .bytes = at.offset};
    for (std::uint64_t i = 0; i < at.event; ++i) saved.tree.append(crypto::Sha256Digest{});
    put(kState, sign_state(saved, key, signer));
  };
  state(place(2500, 1700));
  EXPECT_EQ(*log_end(log()), place(kEvents, 1700));
  EXPECT_EQ(*find_event(log(), 2400), place(2400, 1700));
  EXPECT_EQ(*find_event(log(), 2600), place(2600, 1700));
  LogPlace wrong = place(2500, 1700);
  wrong.offset += 1;
  state(wrong);
  EXPECT_EQ(*log_end(log()), place(kEvents, 1700));
  wrong.offset = 1 << 30;
  state(wrong);
  EXPECT_EQ(*log_end(log()), place(kEvents, 1700));
  put(kState, "nothing\nof\nthe\nkind\n");
  EXPECT_EQ(*log_end(log()), place(kEvents, 1700));
}

TEST_F(ReaderTest, DoesNotSeeALineThatIsBeingWritten) {
  put(segment_name(1700), part(1700, kEvents) + "{\"v\":1,");
  EXPECT_EQ(read_last_lines(log(), 1)->lines, lines_.back());
  EXPECT_EQ(read_last_lines(log(), 1)->next, place(kEvents, 1700));
  EXPECT_EQ(read_lines_from(log(), place(kEvents, 1700), 100)->lines, "");
  EXPECT_EQ(read_lines_from(log(), place(kEvents, 1700), 100)->next, place(kEvents, 1700));
  EXPECT_EQ(*log_end(log()), place(kEvents, 1700));
}

TEST_F(ReaderTest, RefusesPlacesWhereNoLineBegins) {
  for (const LogPlace& at : {LogPlace{1, 0, 1}, LogPlace{1, 0, 1U << 30}, LogPlace{1, 0, UINT64_MAX},
                             LogPlace{500, 500, 0}, LogPlace{9999, 9999, 0}}) {
    const auto piece = read_lines_from(log(), at, 100);
    ASSERT_FALSE(piece.has_value()) << at.text();
    EXPECT_EQ(piece.error().blame(), Blame::kCaller);
    EXPECT_EQ(piece.error().code(), Code::kInvalid);
  }
  EXPECT_EQ(read_last_lines(directory_.path("none"), 1).error().code(), Code::kNotFound);
}

TEST_F(ReaderTest, SaysFromWhereOnTheLogIsKept) {
  fs::remove(log() + "/" + segment_name(0));
  for (const auto& error : {read_lines_from(log(), {}, 100).error(), find_event(log(), 999).error()}) {
    EXPECT_EQ(error.code(), Code::kNotFound);
    EXPECT_NE(error.what().find("kept from event 1000 on"), std::string_view::npos) << error.what();
  }
  EXPECT_EQ(*log_begin(log()), (LogPlace{1000, 1000, 0}));
  const auto last = read_last_lines(log(), kEvents);
  EXPECT_EQ(last->first_event, 1000U);
  EXPECT_EQ(last->lines, part(1000, kEvents));
}

TEST_F(ReaderTest, ReadsABoundedPartOfAFileWithoutLines) {
  put(segment_name(1700), std::string(std::size_t{3} << 20, 'x'));
  EXPECT_EQ(read_last_lines(log(), 0)->lines, "");
  EXPECT_EQ(read_lines_from(log(), {1700, 1700, 0}, 100)->lines, "");
  EXPECT_EQ(*log_end(log()), (LogPlace{1700, 1700, 0}));
}

TEST(LogPlace, HasATextThatIsReadStrictly) {
  const LogPlace place{18446744073709551615U, 17, 4};
  EXPECT_EQ(place.text(), "18446744073709551615:17:4");
  EXPECT_EQ(*parse_log_place(place.text()), place);
  EXPECT_EQ(*parse_log_place("0:0:0"), LogPlace());
  for (const char* bad : {"", "1", "1:0", "1:0:", "1:0:4:", "1:0:4:5", " 1:0:4", "1:0:-4", "01:0:4", "1:2:4",
                          "1:0:0", "1:1:4", "18446744073709551616:0:4", "0x1:0:4"})
    EXPECT_FALSE(parse_log_place(bad).has_value()) << bad;
}

// A checkpoint for each event, in two segments.
class CheckpointReaderTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kCheckpoints = 1200;
  CheckpointReaderTest() {
    testing::MemoryDisk disk;
    LogOptions options = testing::life_options();
    options.checkpoint_events = 1;
    options.segment_bytes = 900 * testing::sample_event(100).size();
    const auto life = testing::LogLife::begin(disk, options);
    for (std::uint64_t i = 0; i < kCheckpoints; ++i) {
      life->lane().append(testing::sample_event(i));
      EXPECT_TRUE(life->turn().has_value());
    }
    fs::create_directory(log());
    disk.write_to(log());
  }
  std::string log() const { return directory_.path("audit"); }
  static std::uint64_t size_of(const std::string& note) {
    const auto checkpoint = open_checkpoint(note, testing::life_key());
    return checkpoint.has_value() ? checkpoint->size : 0;
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(CheckpointReaderTest, FindsThoseBehindASize) {
  ASSERT_EQ(testing::list_segment_names(log()).size(), 2U);
  for (const std::uint64_t size :
       {0U, 1U, 2U, 400U, 880U, 889U, 890U, 895U, 910U, 1198U, 1199U, 1200U, 5000U}) {
    const auto found = read_checkpoints_after(log(), size, 5);
    ASSERT_TRUE(found.has_value()) << found.error().what();
    const std::uint64_t left = kCheckpoints - std::min(size, kCheckpoints);
    ASSERT_EQ(found->size(), std::min<std::uint64_t>(left, 5)) << size;
    for (std::size_t i = 0; i < found->size(); ++i) {
      EXPECT_EQ((*found)[i].size, size + i + 1);
      EXPECT_EQ(size_of((*found)[i].note), (*found)[i].size);
    }
  }
  EXPECT_EQ(read_checkpoints_after(log(), 0, 100'000)->size(), kCheckpoints);
}

TEST_F(CheckpointReaderTest, GivesTheLastOneWhereverItLies) {
  const auto last = [&] {
    const auto note = read_last_checkpoint(log());
    return note.has_value() && *note ? size_of(**note) : 0;
  };
  EXPECT_EQ(last(), kCheckpoints);
  for (const char* empty : {".jsonl", ".leaves", ".checkpoints"})
    testing::write_file(log() + "/00000000000000001200" + empty, "");
  EXPECT_EQ(last(), kCheckpoints);
}

TEST_F(CheckpointReaderTest, PassesOverOneThatIsBeingWritten) {
  const std::string name = log() + "/" + testing::list_segment_names(log()).back() + ".checkpoints";
  testing::write_file(name, testing::read_file(name) + "claviger/test\n1201\nAAA");
  EXPECT_EQ(read_checkpoints_after(log(), 1190, 100)->size(), 10U);
}

TEST(ReaderOfAnOldLog, FindsItsCheckpoints) {
  testing::TemporaryDirectory directory;
  testing::TestSigner signer;
  const std::string log = directory.path("audit");
  testing::write_sample_log(log, signer, 30, 10);
  fs::rename(log + "/" + checkpoints_name(0), log + "/" + kCheckpoints);
  EXPECT_EQ(read_checkpoints_after(log, 0, 10)->size(), 3U);
  EXPECT_TRUE(read_last_checkpoint(log)->has_value());
}

// A log that is written, rotated and pruned under its readers.
TEST(ReaderOfALogInUse, SeesEveryEventOnceAndInOrder) {
  testing::TemporaryDirectory directory;
  testing::TestSigner signer;
  const SystemClock clock;
  LogOptions options{.directory = directory.path("audit"), .origin = testing::kSampleOrigin, .window = 4ms};
  options.segment_bytes = 3000;
  options.reserve_bytes = 0;
  auto opened = Log::open(options, signer, clock);
  ASSERT_TRUE(opened.has_value()) << opened.error().what();
  const std::unique_ptr<Log> log = std::move(*opened);
  constexpr std::uint64_t kCount = 2000;
  std::jthread producer([&lane = log->make_lane()] {
    for (std::uint64_t i = 0; i < kCount; ++i) {
      lane.append(testing::sample_event(i));
      if (i % 20 == 0) std::this_thread::sleep_for(2ms);
    }
  });
  LogPlace at;
  std::string all;
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (at.event < kCount && std::chrono::steady_clock::now() < deadline) {
    const auto piece = read_lines_from(options.directory, at, 5000);
    ASSERT_TRUE(piece.has_value()) << piece.error().what();
    all += piece->lines;
    at = piece->next;
    const auto last = read_last_lines(options.directory, 60);
    ASSERT_TRUE(last.has_value()) << last.error().what();
    ASSERT_EQ(last->next.event, last->first_event + last->events);
    ASSERT_TRUE(read_checkpoints_after(options.directory, at.event, 3).has_value());
  }
  const auto lines = lines_of(all);
  ASSERT_EQ(lines.size(), kCount);
  for (std::uint64_t i = 0; i < kCount; ++i) ASSERT_EQ(lines[i], testing::sample_event(i) + "\n");
  EXPECT_GT(log->state().segments, 1U);
}

TEST(ReaderOfALogInUse, IsToldWhereItIsKeptFromWhenItFallsBehindThePruning) {
  testing::TemporaryDirectory directory;
  testing::TestSigner signer;
  const SystemClock clock;
  LogOptions options{.directory = directory.path("audit"), .origin = testing::kSampleOrigin, .window = 4ms};
  options.segment_bytes = 3000;
  options.retain_bytes = 20'000;
  options.reserve_bytes = 0;
  auto opened = Log::open(options, signer, clock);
  ASSERT_TRUE(opened.has_value()) << opened.error().what();
  const std::unique_ptr<Log> log = std::move(*opened);
  Lane& lane = log->make_lane();
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  std::uint64_t gaps = 0;
  LogPlace at;
  for (; gaps < 3 && std::chrono::steady_clock::now() < deadline; std::this_thread::sleep_for(5ms)) {
    for (std::uint64_t i = 0; i < 50; ++i) lane.append(testing::sample_event(i));
    if (log->state().first_event <= at.event) continue;
    const auto piece = read_lines_from(options.directory, at, 1);
    if (piece.has_value()) continue;  // counted as gone, and about to be removed
    ASSERT_EQ(piece.error().code(), Code::kNotFound) << piece.error().what();
    const auto begin = log_begin(options.directory);
    ASSERT_TRUE(begin.has_value());
    ASSERT_GT(begin->event, at.event);
    at = *begin;
    ++gaps;
  }
  EXPECT_EQ(gaps, 3U) << log->state().upkeep_failure;
  while (log->state().bytes > options.retain_bytes + 10'000 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(10ms);
  EXPECT_LE(log->state().bytes, options.retain_bytes + 10'000);
}

}  // namespace
}  // namespace claviger::audit
