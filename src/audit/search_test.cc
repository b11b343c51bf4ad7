// SPDX-License-Identifier: Apache-2.0
#include "audit/search.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include "audit/index.h"
#include "audit/log_files.h"
#include "audit/testing/call_lines.h"
#include "audit/testing/sample_log.h"
#include "base/testing/fake_clock.h"
#include "crypto/encode.h"

namespace claviger::audit {
namespace {

using testing::call_line;
using testing::call_lines;
using Terms = std::vector<std::pair<std::string, std::string>>;

// Three segments, of which two have ended and are large enough for an index.
constexpr std::uint64_t kFirst = 5, kSecond = 1705, kThird = 3405, kEnd = 3905;

class SearchTest : public ::testing::Test {
 protected:
  SearchTest() {
    put(kFirst, call_lines(kFirst, kSecond));
    put(kSecond, call_lines(kSecond, kThird));
    put(kThird, call_lines(kThird, kEnd));
  }
  void put(std::uint64_t segment, const std::string& text) {
    testing::write_file(directory_.path(segment_name(segment)), text);
  }
  bool has_index(std::uint64_t segment) const {
    return std::filesystem::exists(directory_.path(index_name(segment)));
  }
  static SearchRequest request_of(const Terms& terms, Order order = Order::kOldestFirst) {
    SearchRequest request{.order = order, .most = SIZE_MAX, .bytes = SIZE_MAX};
    for (const auto& [name, text] : terms) EXPECT_TRUE(request.filter.add(name, text).has_value());
    return request;
  }
  // Page by page, to the end.
  std::string all(SearchRequest request) {
    std::string lines;
    for (int pages = 0; pages < 100'000; ++pages) {
      const auto page = searcher_.search(request);
      if (!page.has_value()) return "error: " + std::string(page.error().what());
      EXPECT_EQ(page->events, static_cast<std::uint64_t>(std::ranges::count(page->lines, '\n')));
      EXPECT_LE(page->events, request.most);
      EXPECT_LE(page->lines.size(), std::max<std::size_t>(request.bytes, 1000));
      lines += page->lines;
      request.at = page->next;
      if (page->remaining == 0) return lines;
    }
    return "error: it does not end";
  }
  static std::string expected(const std::function<bool(std::uint64_t)>& is_meant, bool newest_first = false) {
    static const std::vector<std::string> all_lines = testing::lines_of(call_lines(kFirst, kEnd));
    std::vector<std::string> lines;
    for (std::uint64_t i = kFirst; i < kEnd; ++i)
      if (is_meant(i)) lines.push_back(all_lines[i - kFirst]);
    if (newest_first) std::ranges::reverse(lines);
    return testing::joined(lines);
  }

  testing::TemporaryDirectory directory_;
  base::testing::FakeClock clock_;
  Searcher searcher_{directory_.path(), clock_};
};

const std::uint64_t kRare = 97 * 25;  // in the second segment

struct Case {
  Terms terms;
  std::function<bool(std::uint64_t)> is_meant;
};
std::vector<Case> cases() {
  const auto is_change = [](std::uint64_t i) { return i % 10 == 9; };
  return {
      {{}, [](std::uint64_t) { return true; }},
      {{{"request_id", fmt::format("{:032x}", kRare)}}, [](std::uint64_t i) { return i == kRare; }},
      {{{"request_id", fmt::format("{:032x}", kFirst)}}, [](std::uint64_t i) { return i == kFirst; }},
      {{{"request_id", fmt::format("{:032x}", kEnd - 1)}}, [](std::uint64_t i) { return i == kEnd - 1; }},
      {{{"request_id", "none"}}, [](std::uint64_t) { return false; }},
      {{{"principal", "p1"}}, [](std::uint64_t i) { return i % 5 == 1; }},
      {{{"principal", "p1,p3"}}, [](std::uint64_t i) { return i % 5 == 1 || i % 5 == 3; }},
      {{{"upstream", "u1"}}, [=](std::uint64_t i) { return !is_change(i) && i % 3 == 1; }},
      {{{"credential", "c0"}}, [](std::uint64_t i) { return i % 3 == 0; }},
      {{{"type", "credential.*"}}, is_change},
      {{{"status", "5xx"}}, [=](std::uint64_t i) { return !is_change(i) && i % 97 == 0; }},
      {{{"status", "400-503"}}, [=](std::uint64_t i) { return !is_change(i) && i % 97 == 0; }},
      {{{"decision", "denied"}, {"status", "503"}},
       [=](std::uint64_t i) { return !is_change(i) && i % (41 * 97) == 0; }},
      {{{"from", "2026-01-01T00:00:17Z"}, {"to", "2026-01-01T00:00:34.5Z"}},
       [](std::uint64_t i) { return i >= 1700 && i < 3450; }},
      {{{"to", "2026-01-01T00:00:01Z"}, {"principal", "p2"}},
       [](std::uint64_t i) { return i < 100 && i % 5 == 2; }},
      {{{"from", "2026-01-01T00:00:39Z"}}, [](std::uint64_t i) { return i >= 3900; }},
      {{{"from", "2027-01-01T00:00:00Z"}}, [](std::uint64_t) { return false; }},
  };
}

TEST_F(SearchTest, FindsWhatIsThereInBothOrdersWithAnIndexAndWithout) {
  for (const bool use_index : {false, true})
    for (const Case& each : cases())
      for (const Order order : {Order::kOldestFirst, Order::kNewestFirst}) {
        SearchRequest request = request_of(each.terms, order);
        request.use_index = use_index;
        EXPECT_TRUE(all(request) == expected(each.is_meant, order == Order::kNewestFirst))
            << (each.terms.empty() ? "all" : each.terms.front().second) << use_index;
        EXPECT_EQ(has_index(kFirst), use_index && !each.terms.empty()) << "made when it is first needed";
        EXPECT_EQ(has_index(kSecond), has_index(kFirst));
        EXPECT_FALSE(has_index(kThird)) << "it is being written";
      }
}

TEST_F(SearchTest, FindsTheSameInPagesOfAnySize) {
  for (const Case& each : cases())
    for (const Order order : {Order::kOldestFirst, Order::kNewestFirst})
      for (const auto& [most, bytes, work] :
           {std::tuple<std::size_t, std::size_t, std::uint64_t>{389, SIZE_MAX, UINT64_MAX},
            {SIZE_MAX, 150'000, UINT64_MAX},
            {SIZE_MAX, SIZE_MAX, 1}}) {
        SearchRequest request = request_of(each.terms, order);
        request.most = most;
        request.bytes = bytes;
        request.work_bytes = work;
        EXPECT_TRUE(all(request) == expected(each.is_meant, order == Order::kNewestFirst))
            << (each.terms.empty() ? "all" : each.terms.front().second) << most << " " << bytes << " "
            << work;
      }
}

TEST_F(SearchTest, GivesAtLeastOneLine) {
  SearchRequest request = request_of({{"status", "503"}});
  request.bytes = 1;
  EXPECT_TRUE(all(request) == expected([](std::uint64_t i) { return i % 10 != 9 && i % 97 == 0; }));
}

TEST_F(SearchTest, MakesAnIndexInSlicesWhileItsPagesAreEmpty) {
  std::string large = call_lines(0, 16'000);
  put(0, large);
  std::filesystem::remove(directory_.path(segment_name(kFirst)));
  std::filesystem::remove(directory_.path(segment_name(kSecond)));
  std::filesystem::remove(directory_.path(segment_name(kThird)));
  put(16'000, call_line(16'000));
  SearchRequest request = request_of({{"request_id", fmt::format("{:032x}", 12'345)}});
  request.work = std::chrono::milliseconds(0);
  const auto page = searcher_.search(request);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->events, 0U);
  EXPECT_GE(page->remaining, large.size());
  EXPECT_FALSE(has_index(0));
  EXPECT_EQ(all(request), call_line(12'345));
  EXPECT_TRUE(has_index(0));
}

TEST_F(SearchTest, CannotKnowOfEveryChangeUnlessToldToReadEverything) {
  EXPECT_EQ(all(request_of({{"request_id", "none"}})), "");
  ASSERT_TRUE(has_index(kFirst));
  std::string text = call_lines(kFirst, kSecond);
  const std::size_t line = text.find(call_line(800));
  text.replace(text.find("\"principal\":\"p0\"", line) + 13, 2, "q0");
  // The first line and the last are the same, and so is the size: this is what an index cannot know.
  put(kFirst, text);
  EXPECT_EQ(all(request_of({{"principal", "q0"}})), "");
  SearchRequest without = request_of({{"principal", "q0"}});
  without.use_index = false;
  EXPECT_NE(all(without), "");
}

TEST_F(SearchTest, UsesNoIndexOfAnotherText) {
  EXPECT_EQ(all(request_of({{"request_id", "none"}})), "");
  put(kFirst, call_line(99'999) + call_lines(kFirst, kSecond));
  EXPECT_EQ(all(request_of({{"request_id", fmt::format("{:032x}", 99'999)}})), call_line(99'999));
}

// The index of the first segment, as whoever can write the directory may make it: with its checksums right.
class ForgedIndexTest : public SearchTest {
 protected:
  ForgedIndexTest() {
    EXPECT_EQ(all(request_of({{"request_id", "none"}})), "");
    index_ = testing::read_file(path());
    blocks_ = (*parse_index_header(index_.substr(0, IndexHeader::kSize))).blocks;
  }
  std::string path() const { return directory_.path(index_name(kFirst)); }
  char* block(std::size_t number) { return index_.data() + IndexHeader::kSize + number * IndexBlock::kSize; }
  void put_number(char* at, std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) at[i] = static_cast<char>(value >> 8 * i & 255);
  }
  std::uint64_t number_at(const char* at) {
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(at[i]);
    return value;
  }
  void seal() {
    const std::size_t table = IndexHeader::kSize + blocks_ * IndexBlock::kSize;
    put_number(index_.data() + IndexHeader::kSize - 8,
               crypto::crc32(std::string_view(index_).substr(IndexHeader::kSize, table - IndexHeader::kSize)),
               4);
    put_number(index_.data() + IndexHeader::kSize - 4,
               crypto::crc32(std::string_view(index_).substr(0, IndexHeader::kSize - 4)), 4);
    testing::write_file(path(), index_);
  }
  void expect_all_is_found() {
    for (const Order order : {Order::kOldestFirst, Order::kNewestFirst}) {
      Searcher fresh(directory_.path(), clock_);
      const auto page = fresh.search(request_of({{"principal", "p1"}}, order));
      ASSERT_TRUE(page.has_value());
      EXPECT_TRUE(page->lines ==
                  expected([](std::uint64_t i) { return i % 5 == 1; }, order == Order::kNewestFirst));
    }
  }

  std::string index_;
  std::size_t blocks_ = 0;
};

TEST_F(ForgedIndexTest, IsNotUsedWhenItsBlocksAreNotThoseOfTheText) {
  put_number(block(1), number_at(block(1)) + 1, 8);
  seal();
  expect_all_is_found();
}

TEST_F(ForgedIndexTest, IsNotUsedWhenItCountsEventsWrong) {
  put_number(block(1) + 8, number_at(block(1) + 8) + 1, 8);
  seal();
  SearchRequest request = request_of({{"principal", "p1"}});
  request.most = 180;  // which end in that block
  Searcher fresh(directory_.path(), clock_);
  const auto page = fresh.search(request);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->next, *find_event(directory_.path(), page->next.event)) << "the place is what it says";
  expect_all_is_found();
}

TEST_F(ForgedIndexTest, IsNotUsedWhenItGivesTimesThatTheTextDenies) {
  std::ranges::copy(std::string_view("2026-01-01T00:00:00.000Z"), block(1) + 40);
  std::ranges::copy(std::string_view("2026-01-01T00:00:00.000Z"), block(1) + 16);
  seal();
  expect_all_is_found();
}

TEST_F(SearchTest, DoesWithoutAnIndexWhereNoneCanBeMade) {
  // What nobody can put a file in the place of, root included.
  std::filesystem::create_directories(directory_.path(index_name(kFirst)) + "/x");
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(all(request_of({{"request_id", fmt::format("{:032x}", kRare)}})), call_line(kRare));
  EXPECT_FALSE(has_index(kSecond)) << "nothing is tried again at once";
  clock_.advance(std::chrono::minutes(2));
  EXPECT_EQ(all(request_of({{"request_id", fmt::format("{:032x}", kRare)}}, Order::kNewestFirst)),
            call_line(kRare));
  EXPECT_TRUE(has_index(kSecond));
}

TEST_F(SearchTest, FollowsTheLogOverItsRotation) {
  SearchRequest request = request_of({{"principal", "p1"}});
  auto page = searcher_.search(request);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->next, *log_end(directory_.path()));
  request.at = page->next;
  EXPECT_EQ(searcher_.search(request)->events, 0U);
  put(kThird, call_lines(kThird, kEnd + 10) + "{\"v\":1,\"prin");
  page = searcher_.search(request);
  EXPECT_EQ(page->lines, call_line(kEnd + 1) + call_line(kEnd + 6));
  EXPECT_EQ(page->remaining, 0U) << "a line that is being written is not there yet";
  request.at = page->next;
  put(kThird, call_lines(kThird, kEnd + 20));
  put(kEnd + 20, call_lines(kEnd + 20, kEnd + 30));
  page = searcher_.search(request);
  EXPECT_EQ(page->lines,
            call_line(kEnd + 11) + call_line(kEnd + 16) + call_line(kEnd + 21) + call_line(kEnd + 26));
  EXPECT_EQ(page->next, *log_end(directory_.path()));
  EXPECT_FALSE(has_index(kThird)) << "not for what is left of a segment";
}

TEST_F(SearchTest, TellsWhatWasPruned) {
  const LogPlace in_first{kFirst + 1, kFirst, call_line(kFirst).size()};
  std::filesystem::remove(directory_.path(segment_name(kFirst)));
  SearchRequest request = request_of({{"principal", "p1"}});
  request.at = in_first;
  const auto page = searcher_.search(request);
  ASSERT_FALSE(page.has_value());
  EXPECT_EQ(page.error().code(), Code::kNotFound);
  EXPECT_EQ(page.error().blame(), Blame::kCaller);
  request.order = Order::kNewestFirst;
  const auto back = searcher_.search(request);
  ASSERT_TRUE(back.has_value()) << "there is nothing before it any more";
  EXPECT_EQ(back->remaining, 0U);
  EXPECT_EQ(back->events, 0U);
}

TEST_F(SearchTest, RefusesPlacesWhereNoLineBegins) {
  for (const LogPlace at : {LogPlace{kFirst + 1, kFirst, 3}, LogPlace{kFirst + 1, kFirst, 1U << 30},
                            LogPlace{kFirst + 1, kFirst + 1, 0}, LogPlace{kEnd, kEnd + 5, 0}})
    for (const Order order : {Order::kOldestFirst, Order::kNewestFirst}) {
      SearchRequest request = request_of({}, order);
      request.at = at;
      const auto page = searcher_.search(request);
      ASSERT_FALSE(page.has_value()) << at.text();
      EXPECT_EQ(page.error().code(), Code::kInvalid);
      EXPECT_EQ(page.error().blame(), Blame::kCaller);
    }
  Searcher nowhere(directory_.path("none"), clock_);
  EXPECT_EQ(nowhere.search(request_of({})).error().code(), Code::kNotFound);
}

TEST_F(SearchTest, SaysWhereTheTextIsNoLines) {
  put(kSecond, std::string(std::size_t{3} << 20, 'x'));
  for (const Order order : {Order::kOldestFirst, Order::kNewestFirst}) {
    const auto page = searcher_.search(request_of({{"principal", "p1"}}, order));
    ASSERT_FALSE(page.has_value());
    EXPECT_EQ(page.error().blame(), Blame::kOperator);
    EXPECT_TRUE(page.error().what().contains("00000000000000001705")) << page.error().what();
  }
}

TEST_F(SearchTest, CountsLinesThatMayHaveBeenMeantAndAreNoEvents) {
  put(kEnd, "{\"principal\":\"p1\"}\n");
  const auto page = searcher_.search(request_of({{"principal", "p1"}, {"from", "2026-01-01T00:00:39Z"}}));
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->unreadable, 1U);
}

}  // namespace
}  // namespace claviger::audit
