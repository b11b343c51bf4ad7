// SPDX-License-Identifier: Apache-2.0
#include "audit/filter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

#include "base/parse.h"

namespace claviger::audit {
namespace {

using Terms = std::initializer_list<std::pair<const char*, const char*>>;

Filter filter_of(Terms terms) {
  Filter filter;
  for (const auto& [name, text] : terms)
    EXPECT_TRUE(filter.add(name, text).has_value()) << name << " " << text;
  return filter;
}

std::string call(const std::string& time, const std::string& more) {
  return R"({"v":1,"time":")" + time + R"(","type":"call.finished")" + more + "}";
}

bool matches(const Filter& filter, const std::string& line) {
  std::vector<std::string_view> found;
  std::uint64_t unreadable = 0;
  LineFinder(filter).find(line + "\n", found, unreadable);
  EventFields fields;
  EXPECT_EQ(!found.empty(), scan_fields(line, fields) && filter.matches(fields)) << line;
  return !found.empty();
}

const std::string kCall = call(
    "2026-01-01T00:00:00.500Z",
    R"(,"request_id":"f00d","principal":"ci","key_id":"k1","upstream":"api","path":"/billing","decision":"allowed","credential":"main","status":503)");

TEST(Filter, MatchesWhatHasAllThatWasAskedFor) {
  EXPECT_TRUE(matches(filter_of({}), kCall));
  for (const auto& [name, text] : Terms{{"principal", "ci"},
                                        {"upstream", "api"},
                                        {"decision", "allowed"},
                                        {"type", "call.finished"},
                                        {"type", "call.*"},
                                        {"type", "*"},
                                        {"key_id", "k1"},
                                        {"credential", "main"},
                                        {"request_id", "f00d"},
                                        {"principal", "alice,ci"},
                                        {"status", "503"},
                                        {"status", "5xx"},
                                        {"status", "500-599"},
                                        {"status", "200,503"},
                                        {"status", "503-503"}})
    EXPECT_TRUE(matches(filter_of({{name, text}}), kCall)) << name << "=" << text;
  for (const auto& [name, text] : Terms{{"principal", "c"},
                                        {"principal", "cii"},
                                        {"principal", "billing"},
                                        {"principal", "api"},
                                        {"decision", "denied"},
                                        {"type", "call.started"},
                                        {"type", "credential.*"},
                                        {"type", "call"},
                                        {"trace_id", "f00d"},
                                        {"address", "192.0.2.7"},
                                        {"status", "50"},
                                        {"status", "5"},
                                        {"status", "4xx"},
                                        {"status", "504-599"}})
    EXPECT_FALSE(matches(filter_of({{name, text}}), kCall)) << name << "=" << text;
  EXPECT_TRUE(
      matches(filter_of({{"principal", "ci"}, {"status", "5xx"}, {"from", "2026-01-01T00:00:00Z"}}), kCall));
  EXPECT_FALSE(matches(filter_of({{"principal", "ci"}, {"status", "2xx"}}), kCall));
}

TEST(Filter, MatchesOneValueOfAMemberThatThereIsTwiceOver) {
  const std::string changed =
      R"({"v":1,"time":"2026-01-01T00:00:00.000Z","type":"principal.disabled","actor":"admin","kind":"principal","name":"ci"})";
  EXPECT_TRUE(matches(filter_of({{"principal", "admin"}}), changed));
  EXPECT_TRUE(matches(filter_of({{"principal", "ci"}}), changed));
  EXPECT_FALSE(matches(filter_of({{"upstream", "ci"}}), changed));
}

TEST(Filter, TakesTheFirstMomentAndNotTheLast) {
  EXPECT_TRUE(matches(filter_of({{"from", "2026-01-01T00:00:00.5Z"}}), kCall));
  EXPECT_FALSE(matches(filter_of({{"from", "2026-01-01T00:00:00.5001Z"}}), kCall));
  EXPECT_FALSE(matches(filter_of({{"to", "2026-01-01T00:00:00.5Z"}}), kCall));
  EXPECT_TRUE(matches(filter_of({{"to", "2026-01-01T00:00:00.5001Z"}}), kCall));
}

TEST(Filter, RefusesWhatCannotBeMeant) {
  for (const auto& [name, text] : Terms{{"from", "yesterday"},
                                        {"to", "2026-01-01"},
                                        {"from", "9999-12-31T23:59:59.9999Z"},
                                        {"principal", ""},
                                        {"principal", "a,"},
                                        {"principal", ",a"},
                                        {"principal", "a b"},
                                        {"principal", "a\"b"},
                                        {"principal", "a\\b"},
                                        {"principal", "\xc3\xa4"},
                                        {"status", "abc"},
                                        {"status", "6x"},
                                        {"status", "0xx"},
                                        {"status", "500-400"},
                                        {"status", "1000"},
                                        {"status", "-5"},
                                        {"status", "200,"},
                                        {"path", "/x"},
                                        {"", "x"}}) {
    const auto added = Filter().add(name, text);
    ASSERT_FALSE(added.has_value()) << name << "=" << text;
    EXPECT_EQ(added.error().blame(), Blame::kCaller);
  }
  std::string many = "x";
  for (int i = 0; i < 32; ++i) many += ",x";
  EXPECT_FALSE(Filter().add("principal", many).has_value());
  EXPECT_FALSE(Filter().add("principal", std::string(257, 'x')).has_value());
}

TEST(Filter, UnderstandsWhenPeopleMean) {
  const WallTime now = *base::parse_rfc3339("2026-05-05T12:00:00Z");
  const auto when = [&](const char* text) { return base::format_rfc3339(*parse_when(text, now)); };
  EXPECT_EQ(when("2h"), "2026-05-05T10:00:00.000Z");
  EXPECT_EQ(when("7d"), "2026-04-28T12:00:00.000Z");
  EXPECT_EQ(when("2026-01-02"), "2026-01-02T00:00:00.000Z");
  EXPECT_EQ(when("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05.000Z");
  for (const char* text : {"", "now", "2", "2 h", "-2h", "2026-13-01", "2026-01-02T03:04:05", "999999999d"})
    EXPECT_FALSE(parse_when(text, now).has_value()) << text;
}

TEST(LineFinder, FindsLinesInTheirOrderAmongOthersThatHoldTheSameWords) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    const char* principal = i % 7 == 0 ? "ci" : "alice";
    text +=
        call(
            fmt::format("2026-01-01T00:00:{:02}.000Z", i % 60),
            fmt::format(
                R"(,"principal":"{}","path":"/ci\",\"principal\":\"ci","before":{{"principal":"ci"}},"status":{})",
                principal, 200 + i)) +
        "\n";
  }
  const Filter filter = filter_of({{"principal", "ci"}});
  std::vector<std::string_view> found;
  std::uint64_t unreadable = 0;
  LineFinder(filter).find(text, found, unreadable);
  ASSERT_EQ(found.size(), 15U);
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_TRUE(found[i].contains(fmt::format("\"status\":{}}}", 200 + 7 * i))) << found[i];
  EXPECT_EQ(unreadable, 0U);
}

TEST(LineFinder, CountsWhatMayHaveBeenMeantAndCannotBeRead) {
  const Filter filter = filter_of({{"principal", "ci"}});
  std::vector<std::string_view> found;
  std::uint64_t unreadable = 0;
  LineFinder(filter).find("{\"principal\":\"ci\"}\n" + kCall + "\ngarbage\n", found, unreadable);
  EXPECT_EQ(found.size(), 1U);
  EXPECT_EQ(unreadable, 1U);
  found.clear();
  LineFinder(filter_of({})).find("garbage\n\nmore\n", found, unreadable);
  EXPECT_EQ(found.size(), 3U) << "whoever asks for everything gets everything";
}

}  // namespace
}  // namespace claviger::audit
