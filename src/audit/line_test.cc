// SPDX-License-Identifier: Apache-2.0
#include "audit/line.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/parse.h"
#include "crypto/merkle.h"

namespace claviger::audit {
namespace {

using Kind = LineScanner::Line::Kind;

std::vector<std::pair<std::string, Kind>> scan(const std::string& text, std::size_t block) {
  LineScanner scanner(
      [&](std::uint64_t offset, std::span<char> into) -> Result<std::size_t> {
        const std::string_view part =
            std::string_view(text).substr(std::min<std::size_t>(offset, text.size()), into.size());
        std::ranges::copy(part, into.begin());
        return part.size();
      },
      0, block);
  std::vector<std::pair<std::string, Kind>> lines;
  for (auto line = *scanner.next(); line; line = *scanner.next()) {
    EXPECT_EQ(text.substr(line->offset, line->text.size()), line->text);
    lines.emplace_back(line->text, line->kind);
  }
  return lines;
}

TEST(Line, SaysItsTimeAndTypeWhereEventsDo) {
  const std::string line = R"({"v":1,"time":"2026-01-01T00:00:00.123Z","type":"call.finished","n":1})";
  EXPECT_EQ(leading_time(line), "2026-01-01T00:00:00.123Z");
  EXPECT_EQ(leading_type(line), "call.finished");
  EXPECT_EQ(event_time(line), *base::parse_rfc3339("2026-01-01T00:00:00.123Z"));
  const std::size_t end = line.find(",\"n\"");
  for (std::size_t size = 0; size < end; ++size) EXPECT_EQ(leading_type(line.substr(0, size)), "") << size;
  for (const std::string_view other :
       {R"({"time":"2026-01-01T00:00:00.123Z","type":"x"})", R"({"v":1,"time":"yesterday","type":"x"})",
        R"({"v":1,"n":",","time":"2026-01-01T00:00:00.123Z","type":"x"})", R"({"v":1,"type":"cut)"}) {
    EXPECT_EQ(leading_time(other), "") << other;
    EXPECT_EQ(leading_type(other), "") << other;
    EXPECT_EQ(event_time(other), std::nullopt) << other;
  }
}

TEST(LineScanner, GivesTheSameLinesWhateverTheSizeOfItsBlocks) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::string text;
    std::vector<std::pair<std::string, Kind>> expected;
    for (unsigned lines = random() % 20; lines > 0; --lines) {
      expected.emplace_back(std::string(random() % 300, 'x'), Kind::kWhole);
      text += expected.back().first + "\n";
    }
    if (random() % 2 == 0) {
      expected.emplace_back(std::string(1 + random() % 50, 'y'), Kind::kTorn);
      text += expected.back().first;
    }
    for (const std::size_t block : {1U, 2U, 7U, 64U, 4096U}) EXPECT_EQ(scan(text, block), expected) << block;
  }
}

TEST(LineScanner, EndsAtALineThatIsTooLong) {
  const std::string longest(kMaxLine, 'x');
  using Lines = std::vector<std::pair<std::string, Kind>>;
  for (const std::size_t block : {100U, 8192U, 1U << 20}) {
    EXPECT_EQ(scan(longest + "\nab\n", block), (Lines{{longest, Kind::kWhole}, {"ab", Kind::kWhole}}));
    EXPECT_EQ(scan("ab\n" + longest + "x\nab\n", block),
              (Lines{{"ab", Kind::kWhole}, {longest, Kind::kTooLong}}));
    EXPECT_EQ(scan(longest, block), (Lines{{longest, Kind::kTorn}}));
    EXPECT_EQ(scan(longest + longest + longest, block), (Lines{{longest, Kind::kTooLong}}));
  }
}

TEST(Line, IsAJsonObjectOnOneLine) {
  EXPECT_TRUE(is_line(R"({"v":1})"));
  EXPECT_TRUE(is_line("{\"v\":\"\xc3\xa4\"}"));
  for (const std::string& bad : {std::string(), std::string("{}"), std::string("[1,2,3,4]"),
                                 std::string(R"({"v":1} )"), std::string("{\"v\":\"\r\"}"),
                                 std::string("{\"v\":\"\0\"}", 9), "{\"" + std::string(kMaxLine, 'x') + "}"})
    EXPECT_FALSE(is_line(bad)) << bad;
}

TEST(Outbox, IsFoundInTheLineThatItWasAppendedTo) {
  for (const std::uint64_t number : {std::uint64_t{1}, std::uint64_t{17}, UINT64_MAX}) {
    std::string line = R"({"v":1,"type":"x"})";
    const std::size_t size = line.size();
    line.resize(size + 40);
    line.resize(append_outbox(line, size, number));
    EXPECT_EQ(line, R"({"v":1,"type":"x","outbox":)" + std::to_string(number) + "}");
    EXPECT_EQ(find_outbox(line), number);
  }
}

TEST(Outbox, IsNotTakenFromAnythingElse) {
  for (const char* line : {R"({"v":1})", R"({"a":{"b":1,"outbox":7}})", R"({"a":"x,\"outbox\":7"})",
                           R"({"a":",\"outbox\":7}"})", R"({"v":1,"outbox":})", R"({"v":1,"outbox":07})",
                           R"({"v":1,"outbox":99999999999999999999})", "}", "7}", "", R"({"v":1,"outbox":7)"})
    EXPECT_EQ(find_outbox(line), 0U) << line;
}

}  // namespace
}  // namespace claviger::audit
