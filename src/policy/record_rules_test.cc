// SPDX-License-Identifier: Apache-2.0
#include "policy/record_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/json.h"

namespace claviger::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<RecordRules> read(std::string_view json) {
  return RecordRules::read(*base::parse_json(json, "resources.yaml", 10'000));
}
RecordRules hiding(std::string_view patterns) {
  auto rules = read(R"({"hide_path":[)" + std::string(patterns) + "]}");
  EXPECT_TRUE(rules.has_value()) << patterns;
  return rules.has_value() ? *std::move(rules) : RecordRules();
}
std::string shown(const RecordRules& rules, std::string_view path, std::size_t room = 4096) {
  std::string out(room, '?');
  out.resize(rules.write_path(path, out));
  return out;
}

TEST(RecordRules, HideTheRestOfAMarkedSegment) {
  const RecordRules rules = hiding(R"("/bot{*}")");
  EXPECT_EQ(shown(rules, "/bot123:fake-token/sendMessage"), "/bot*/sendMessage");
  EXPECT_EQ(shown(rules, "/bot123:fake-token"), "/bot*");
  EXPECT_EQ(shown(rules, "/bot/sendMessage"), "/bot/sendMessage");
  EXPECT_EQ(shown(rules, "/file/bot123"), "/file/bot123");
  EXPECT_EQ(shown(rules, ""), "");
  EXPECT_EQ(shown(rules, "/"), "/");
}

TEST(RecordRules, HideWholeSegmentsAndAllThatFollows) {
  const RecordRules rules = hiding(R"("/services/*/*/{*}", "/hooks/{**}", "/v1/key{**}")");
  EXPECT_EQ(shown(rules, "/services/T0/B0/fake"), "/services/T0/B0/*");
  EXPECT_EQ(shown(rules, "/services/T0/B0/fake/more"), "/services/T0/B0/*/more");
  EXPECT_EQ(shown(rules, "/services/T0/B0"), "/services/T0/B0");
  EXPECT_EQ(shown(rules, "/hooks/a/b/c"), "/hooks/*");
  EXPECT_EQ(shown(rules, "/hooks/a"), "/hooks/*");
  EXPECT_EQ(shown(rules, "/hooks"), "/hooks");
  EXPECT_EQ(shown(rules, "/hooks/"), "/hooks/");
  EXPECT_EQ(shown(rules, "/v1/key-fake/x"), "/v1/key*");
  EXPECT_EQ(shown(rules, "/v1/key/x"), "/v1/key*");
}

TEST(RecordRules, ServersThatIgnoreCaseDoNotShowMore) {
  const RecordRules rules = hiding(R"("/Hooks/x/{*}")");
  EXPECT_EQ(shown(rules, "/HOOKS/X/fake"), "/HOOKS/X/*");
  EXPECT_EQ(shown(rules, "/hooks/x/fake"), "/hooks/x/*");
}

TEST(RecordRules, WhatAnyOfSeveralMarksIsHidden) {
  const RecordRules rules = hiding(R"("/a/secret{*}", "/a/sec{*}", "/*/*/{*}", "/a/x/{**}")");
  EXPECT_EQ(shown(rules, "/a/secret-fake/b/c"), "/a/sec*/*/c");
  EXPECT_EQ(shown(rules, "/a/x/b/c"), "/a/x/*");
  EXPECT_EQ(shown(rules, "/b/secret/c"), "/b/secret/*");
}

TEST(RecordRules, BehindAnEncodedSlashEverythingIsHidden) {
  const RecordRules rules = hiding(R"("/bot{*}")");
  EXPECT_EQ(shown(rules, "/x%2Fbot123/a"), "/*");
  EXPECT_EQ(shown(rules, "/a/b/c%2Fbot123/d"), "/a/b/*");
  EXPECT_EQ(shown(rules, "/bot1/a%2Fb/c"), "/bot*/*");
}

TEST(RecordRules, NeverWriteMoreThanThereIsRoomFor) {
  const RecordRules rules = hiding(R"("/a/{*}")");
  const std::string whole = shown(rules, "/a/fake/c/d");
  for (std::size_t room = 0; room <= whole.size(); ++room)
    EXPECT_EQ(shown(rules, "/a/fake/c/d", room), whole.substr(0, room));
}

TEST(RecordRules, KeepTheNamesOfShownParametersInOrder) {
  const auto rules = read(R"({"show_query":["page","limit","filter[x]"]})");
  ASSERT_TRUE(rules.has_value());
  EXPECT_THAT(rules->shown_queries(), ElementsAre("filter[x]", "limit", "page"));
  EXPECT_FALSE(rules->hides_paths());
  EXPECT_TRUE(read("{}").has_value());
}

TEST(RecordRules, AreRefusedWhereTheyWouldHideNothingOrCannotBeMeant) {
  struct Bad {
    std::string_view json;
    std::string_view why;
  };
  for (const Bad& bad : {
           Bad{R"({"hide_path":["/a/*"]})", "marks what it hides"},
           Bad{R"({"hide_path":["a/{*}"]})", "begins with '/'"},
           Bad{R"({"hide_path":[""]})", "begins with '/'"},
           Bad{R"({"hide_path":["/{**}/b"]})", "nothing stands behind"},
           Bad{R"({"hide_path":["/a{*}b"]})", "a segment is literal"},
           Bad{R"({"hide_path":["/a*/{*}"]})", "a segment is literal"},
           Bad{R"({"hide_path":["/{a}/{*}"]})", "a segment is literal"},
           Bad{R"({"hide_path":["/a//{*}"]})", "canonical"},
           Bad{R"({"hide_path":["/../{*}"]})", "canonical"},
           Bad{R"({"hide_path":["/a/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/{*}"]})", "16 segments"},
           Bad{R"({"hide_path":"/a/{*}"})", "is a list"},
           Bad{R"({"hide":["/a/{*}"]})", "hide"},
           Bad{R"({"show_query":["a&b"]})", "query parameter"},
           Bad{R"({"show_query":[""]})", "query parameter"},
           Bad{R"([])", "record"},
       }) {
    const auto rules = read(bad.json);
    ASSERT_FALSE(rules.has_value()) << bad.json;
    EXPECT_THAT(std::string(rules.error().what()), HasSubstr(bad.why)) << bad.json;
  }
  std::string many;
  for (int i = 0; i < 33; ++i) many += (i > 0 ? "," : "") + std::string(R"("/a/{*}")");
  EXPECT_FALSE(read(R"({"hide_path":[)" + many + "]}").has_value());
  many.resize(many.size() - 9);
  EXPECT_EQ(shown(hiding(many), "/a/fake"), "/a/*");
}

}  // namespace
}  // namespace claviger::policy
