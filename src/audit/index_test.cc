// SPDX-License-Identifier: Apache-2.0
#include "audit/index.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "audit/index_maker.h"
#include "audit/log_files.h"
#include "audit/testing/call_lines.h"
#include "audit/testing/sample_log.h"

namespace claviger::audit {
namespace {

using testing::call_line;
using testing::call_lines;

constexpr std::uint64_t kFirst = 7, kEnd = 2007;

Filter filter_of(std::string_view name, std::string_view text) {
  Filter filter;
  EXPECT_TRUE(filter.add(name, text).has_value());
  return filter;
}

class IndexTest : public ::testing::Test {
 protected:
  IndexTest() { put(text_); }
  void put(const std::string& text) { testing::write_file(directory_.path(segment_name(kFirst)), text); }
  ReadOnlyFile text_file() const { return *ReadOnlyFile::open(directory_.path(segment_name(kFirst))); }
  std::string path() const { return directory_.path(index_name(kFirst)); }
  std::optional<SegmentIndex> open(std::uint64_t end = kEnd) const {
    return SegmentIndex::open(directory_.path(), kFirst, end, text_file());
  }
  bool make() {
    auto maker = IndexMaker::begin(directory_.path(), kFirst, kEnd);
    while (maker.has_value()) {
      const auto is_done = maker->step(1);
      if (!is_done.has_value()) return false;
      if (*is_done) return true;
    }
    return false;
  }

  testing::TemporaryDirectory directory_;
  const std::string text_ = call_lines(kFirst, kEnd);
};

TEST_F(IndexTest, HoldsAllThatIsInTheText) {
  ASSERT_TRUE(make());
  const auto index = open();
  ASSERT_TRUE(index);
  EXPECT_EQ(index->size(), 4U);
  std::uint64_t event = kFirst;
  for (std::size_t block = 0; block < index->size(); ++block) {
    EXPECT_EQ((*index)[block].event, event);
    for (const std::string& line : testing::lines_of(
             text_.substr((*index)[block].offset, index->end_offset(block) - (*index)[block].offset))) {
      if (event++ % 13 != 0) continue;
      EXPECT_EQ(line, call_line(event - 1)) << "events are counted on";
      EXPECT_EQ(index->block_of(text_.find(line)), block);
      EventFields fields;
      ASSERT_TRUE(scan_fields(std::string_view(line).substr(0, line.size() - 1), fields));
      for_each_term(fields, [&](Term term, std::string_view value) {
        EXPECT_TRUE(index->may_match(block, filter_of(term_name(term), value))) << term_name(term) << value;
      });
      EXPECT_TRUE(index->may_match(block, filter_of("from", fields[Field::kTime])));
    }
    EXPECT_EQ(index->end_event(block), event);
  }
  EXPECT_EQ(event, kEnd);
}

TEST_F(IndexTest, RulesOutMostOfWhatIsNotThere) {
  ASSERT_TRUE(make());
  const auto index = open();
  ASSERT_TRUE(index);
  int wrong = 0;
  for (int i = 0; i < 2000; ++i)
    wrong += int{index->may_match(1, filter_of("request_id", fmt::format("none{}", i)))};
  EXPECT_LT(wrong, 8) << "of 2000";
  EXPECT_FALSE(index->may_match(filter_of("from", "2026-01-01T00:00:20.070Z")));
  EXPECT_FALSE(index->may_match(filter_of("to", "2026-01-01T00:00:00.070Z")));
  EXPECT_TRUE(index->may_match(filter_of("from", "2026-01-01T00:00:20.060Z")));
  EXPECT_FALSE(index->may_match(0, filter_of("from", "2026-01-01T00:00:15Z")));
  EXPECT_TRUE(index->may_match(3, filter_of("from", "2026-01-01T00:00:15Z")));
  EXPECT_FALSE(index->may_match(0, filter_of("status", "400-499")));
  EXPECT_TRUE(index->may_match(0, filter_of("status", "500-599")));
  EXPECT_TRUE(index->may_match(0, filter_of("type", "nothing.*"))) << "a part of a word is not in a filter";
}

TEST_F(IndexTest, IsNoneWhenAnyByteOfItsHeadOrTableIsChanged) {
  ASSERT_TRUE(make());
  const std::string whole = testing::read_file(path());
  const std::size_t end = IndexHeader::kSize + 4 * IndexBlock::kSize;
  const auto header = parse_index_header(whole.substr(0, IndexHeader::kSize));
  const std::string table = whole.substr(IndexHeader::kSize, end - IndexHeader::kSize);
  ASSERT_TRUE(header && parse_index_blocks(*header, table));
  for (std::size_t i = 0; i < IndexHeader::kSize; ++i) {
    std::string changed = whole.substr(0, IndexHeader::kSize);
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(parse_index_header(changed)) << i;
  }
  for (std::size_t i = 0; i < table.size(); ++i) {
    std::string changed = table;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(parse_index_blocks(*header, changed)) << i;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, IndexHeader::kSize - 1, IndexHeader::kSize,
                                 end - 1, whole.size() - 1}) {
    testing::write_file(path(), whole.substr(0, size));
    EXPECT_FALSE(open()) << size;
  }
  testing::write_file(path(), whole + "x");
  EXPECT_FALSE(open());
}

TEST_F(IndexTest, RulesNothingOutByAFilterThatWasDamaged) {
  ASSERT_TRUE(make());
  const Filter none = filter_of("request_id", "none");
  ASSERT_FALSE(open()->may_match(0, none));
  std::string changed = testing::read_file(path());
  const std::size_t at = IndexHeader::kSize + 4 * IndexBlock::kSize + 100;
  changed[at] = static_cast<char>(changed[at] ^ 1);
  testing::write_file(path(), changed);
  EXPECT_TRUE(open()->may_match(0, none));
  EXPECT_FALSE(open()->may_match(1, none));
}

TEST_F(IndexTest, BelongsToItsTextAlone) {
  ASSERT_TRUE(make());
  EXPECT_FALSE(open(kEnd + 1));
  for (const std::size_t at : {std::size_t{30}, text_.size() - 30}) {
    std::string other = text_;
    other[at] = other[at] == 'x' ? 'y' : 'x';
    put(other);
    EXPECT_FALSE(open()) << at;
  }
  put(text_ + call_line(kEnd));
  EXPECT_FALSE(open());
  put(text_);
  EXPECT_TRUE(open());
}

TEST_F(IndexTest, HasBlocksWithLinesThatAreNoEventsAlwaysLookedThrough) {
  put(text_.substr(0, text_.rfind('\n', text_.size() - 2) + 1) + "{\"type\":\"strange\"}\n");
  ASSERT_TRUE(make());
  const auto index = open();
  ASSERT_TRUE(index);
  const Filter none = filter_of("request_id", "none");
  EXPECT_FALSE(index->may_match(2, none));
  EXPECT_TRUE(index->may_match(3, none));
  EXPECT_TRUE(index->may_match(3, filter_of("from", "2099-01-01T00:00:00Z")));
  EXPECT_TRUE(index->may_match(filter_of("from", "2099-01-01T00:00:00Z")));
}

TEST_F(IndexTest, IsPutInPlaceOfWhatIsThereForItsOwnerAlone) {
  testing::write_file(path(), "old");
  testing::write_file(path() + ".new", "left over");
  ASSERT_TRUE(make());
  EXPECT_TRUE(open());
  EXPECT_FALSE(std::filesystem::exists(path() + ".new"));
  struct stat about{};
  ASSERT_EQ(::stat(path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600U);
}

TEST_F(IndexTest, IsNotMadeOfWhatIsNoSegment) {
  put(text_.substr(0, text_.size() / 2));
  EXPECT_FALSE(make()) << "a line is cut";
  put(call_lines(kFirst, kEnd - 1));
  EXPECT_FALSE(make()) << "an event is missing";
  put(std::string(kLeastIndexed + 1, 'x'));
  EXPECT_FALSE(make());
  EXPECT_EQ(IndexMaker::begin(directory_.path(), 8, 9).error().code(), Code::kNotFound);
  put(call_line(kFirst));
  EXPECT_EQ(IndexMaker::begin(directory_.path(), kFirst, 8).error().code(), Code::kInvalid) << "too small";
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(IndexTest, AreMadeForAllSegmentsThatHaveEnded) {
  testing::write_file(directory_.path(segment_name(kEnd)), call_lines(kEnd, kEnd + 2000));
  testing::write_file(directory_.path(segment_name(kEnd + 2000)), call_lines(kEnd + 2000, kEnd + 2001));
  testing::write_file(directory_.path(segment_name(kEnd + 2001)), call_lines(kEnd + 2001, kEnd + 4001));
  auto outcome = make_indexes(directory_.path(), false, nullptr);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->made, 2U);
  EXPECT_EQ(outcome->without, 1U);
  EXPECT_FALSE(std::filesystem::exists(directory_.path(index_name(kEnd + 2001)))) << "is being written";
  outcome = make_indexes(directory_.path(), false, nullptr);
  EXPECT_EQ(outcome->kept, 2U);
  testing::write_file(path(), "torn");
  outcome = make_indexes(directory_.path(), false, nullptr);
  EXPECT_EQ(outcome->made, 1U);
  outcome = make_indexes(directory_.path(), true, nullptr);
  EXPECT_EQ(outcome->made, 2U);
  EXPECT_EQ(make_indexes(directory_.path("none"), false, nullptr).error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace claviger::audit
