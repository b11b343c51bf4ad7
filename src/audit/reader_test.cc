// SPDX-License-Identifier: Apache-2.0
#include "audit/reader.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "audit/log_files.h"
#include "audit/testing/sample_log.h"

namespace claviger::audit {
namespace {

using testing::joined;
using testing::lines_of;

class ReaderTest : public ::testing::Test {
 protected:
  ReaderTest() {
    std::filesystem::create_directory(log());
    for (std::uint64_t i = 0; i < 3000; ++i) text_ += testing::sample_event(i) + "\n";
    put(text_);
  }
  std::string log() const { return directory_.path("audit"); }
  void put(const std::string& text) { testing::write_file(log() + "/" + segment_name(0), text); }

  testing::TemporaryDirectory directory_;
  std::string text_;
};

TEST_F(ReaderTest, GivesTheLastLines) {
  const auto lines = lines_of(text_);
  for (const std::size_t count : {0U, 1U, 2U, 1000U, 2999U, 3000U, 5000U}) {
    const auto piece = read_last_lines(log(), count);
    ASSERT_TRUE(piece.has_value());
    const auto from = lines.end() - static_cast<std::ptrdiff_t>(std::min(count, lines.size()));
    EXPECT_EQ(piece->lines, joined({from, lines.end()})) << count;
    EXPECT_EQ(piece->next, text_.size());
  }
}

TEST_F(ReaderTest, GivesAllLinesPieceByPiece) {
  std::string all;
  std::uint64_t at = 0;
  for (;;) {
    const auto piece = read_lines_from(log(), at, 10'000);
    ASSERT_TRUE(piece.has_value());
    if (piece->lines.empty()) break;
    EXPECT_LE(piece->lines.size(), 10'000U);
    all += piece->lines;
    at = piece->next;
  }
  EXPECT_EQ(all, text_);
  EXPECT_EQ(at, text_.size());
  EXPECT_FALSE(read_lines_from(log(), 0, 1)->lines.empty());
}

TEST_F(ReaderTest, DoesNotSeeALineThatIsBeingWritten) {
  put(text_ + "{\"v\":1,");
  EXPECT_EQ(read_last_lines(log(), 1)->lines, testing::sample_event(2999) + "\n");
  EXPECT_EQ(read_last_lines(log(), 1)->next, text_.size());
  EXPECT_EQ(read_lines_from(log(), text_.size(), 100)->lines, "");
  EXPECT_EQ(read_lines_from(log(), text_.size(), 100)->next, text_.size());
  put("");
  EXPECT_EQ(read_last_lines(log(), 10)->lines, "");
}

TEST_F(ReaderTest, RefusesPlacesWhereNoLineBegins) {
  for (const std::uint64_t at : {std::uint64_t{1}, text_.size() + 1, UINT64_MAX}) {
    const auto piece = read_lines_from(log(), at, 100);
    ASSERT_FALSE(piece.has_value());
    EXPECT_EQ(piece.error().blame(), Blame::kCaller);
  }
  EXPECT_EQ(read_last_lines(directory_.path("none"), 1).error().code(), Code::kNotFound);
}

TEST_F(ReaderTest, ReadsABoundedPartOfAFileWithoutLines) {
  put(std::string(std::size_t{3} << 20, 'x'));
  EXPECT_EQ(read_last_lines(log(), 5)->lines, "");
  EXPECT_EQ(read_lines_from(log(), 0, 100)->lines, "");
}

}  // namespace
}  // namespace claviger::audit
