// SPDX-License-Identifier: Apache-2.0
#include "base/document.h"

#include <gtest/gtest.h>

namespace claviger::base {
namespace {

const auto kFile = std::make_shared<const std::string>("grants.yaml");

Document scalar(std::string text, std::uint32_t line = 1, bool quoted = false) {
  return {
      .type = Document::Type::kScalar, .place = {kFile, line}, .scalar = std::move(text), .quoted = quoted};
}

Document list(std::vector<Document> items, std::uint32_t line = 1) {
  return {.type = Document::Type::kList, .place = {kFile, line}, .items = std::move(items)};
}

Document map(std::vector<DocumentEntry> entries, std::uint32_t line = 1) {
  return {.type = Document::Type::kMap, .place = {kFile, line}, .entries = std::move(entries)};
}

Document null() { return {.place = {kFile, 1}}; }

ObjectReader reader_of(const Document& node) { return *ObjectReader::of(node, "grant"); }

TEST(Place, NamesFileAndLineAsFarAsTheyAreKnown) {
  EXPECT_EQ(format_place({kFile, 12}), "grants.yaml:12");
  EXPECT_EQ(format_place({kFile, 0}), "grants.yaml");
  EXPECT_EQ(format_place({nullptr, 12}), "line 12");
  EXPECT_EQ(format_place({}), "");
}

TEST(Place, LeavesNothingInAnErrorWhereItIsUnknown) {
  EXPECT_EQ(invalid_at({}, "no").what(), "no");
  EXPECT_EQ(invalid_at({std::make_shared<const std::string>(), 0}, "no").what(), "no");
  EXPECT_EQ(invalid_at({nullptr, 3}, "no").what(), "line 3: no");
}

TEST(Place, StartsTheErrorAndBlamesTheOperator) {
  const Error error = invalid_at({kFile, 3}, "no");
  EXPECT_EQ(error.what(), "grants.yaml:3: no");
  EXPECT_EQ(error.code(), Code::kInvalid);
  EXPECT_EQ(error.blame(), Blame::kOperator);
}

TEST(ObjectReader, ReadsEveryTypeOfField) {
  const Document node = map({{"name", scalar("billing")},
                             {"enabled", scalar("true")},
                             {"rate", scalar("600")},
                             {"methods", list({scalar("GET"), scalar("POST")})},
                             {"nothing", null()}});
  ObjectReader reader = reader_of(node);
  EXPECT_EQ(*reader.required_string("name"), "billing");
  EXPECT_TRUE(*reader.boolean_or("enabled", false));
  EXPECT_EQ(*reader.number_or("rate", 1, 0, 1000), 600U);
  EXPECT_EQ(*reader.strings_or_empty("methods"), (std::vector<std::string>{"GET", "POST"}));
  EXPECT_EQ(reader.find("nothing"), nullptr);
  EXPECT_TRUE(reader.finish().has_value());
}

TEST(ObjectReader, FallsBackWhereAFieldIsAbsentOrNull) {
  const Document node = map({{"enabled", null()}});
  ObjectReader reader = reader_of(node);
  EXPECT_TRUE(*reader.boolean_or("enabled", true));
  EXPECT_EQ(*reader.number_or("rate", 7, 0, 10), 7U);
  EXPECT_EQ(*reader.optional_string("name"), std::nullopt);
  EXPECT_TRUE(reader.strings_or_empty("methods")->empty());
  EXPECT_TRUE(reader.finish().has_value());
}

TEST(ObjectReader, RefusesWhatIsNoMap) {
  EXPECT_EQ(ObjectReader::of(scalar("x", 4), "grant").error().what(),
            "grants.yaml:4: grant: a map expected, found a scalar");
  EXPECT_FALSE(ObjectReader::of(null(), "grant").has_value());
  EXPECT_FALSE(ObjectReader::of(list({}), "grant").has_value());
}

TEST(ObjectReader, NamesAMissingField) {
  const Document node = map({}, 9);
  EXPECT_EQ(reader_of(node).required_string("principal").error().what(),
            "grants.yaml:9: grant: 'principal' is missing");
}

TEST(ObjectReader, RefusesFieldsOfAnotherType) {
  const Document node = map({{"text", list({}, 2)},
                             {"flag", scalar("yes", 3)},
                             {"number", scalar("ten", 4)},
                             {"list", scalar("x", 5)},
                             {"mixed", list({scalar("x"), map({}, 6)})}});
  ObjectReader reader = reader_of(node);
  EXPECT_EQ(reader.required_string("text").error().what(),
            "grants.yaml:2: grant.text: a string expected, found a list");
  EXPECT_EQ(reader.optional_string("text").error().code(), Code::kInvalid);
  EXPECT_EQ(reader.boolean_or("flag", true).error().what(),
            "grants.yaml:3: grant.flag: true or false expected");
  EXPECT_EQ(reader.number_or("number", 1, 0, 9).error().what(),
            "grants.yaml:4: grant.number: a number from 0 to 9 expected");
  EXPECT_EQ(reader.strings_or_empty("list").error().what(),
            "grants.yaml:5: grant.list: a list expected, found a scalar");
  EXPECT_EQ(reader.strings_or_empty("mixed").error().what(),
            "grants.yaml:6: grant.mixed: a string expected, found a map");
}

TEST(ObjectReader, TakesAQuotedScalarForAStringOnly) {
  EXPECT_FALSE(read_boolean(scalar("true", 1, true), "x").has_value());
  EXPECT_FALSE(read_number(scalar("5", 1, true), "x", 0, 9).has_value());
  EXPECT_EQ(*read_string(scalar("5", 1, true), "x"), "5");
}

TEST(ObjectReader, HoldsNumbersToTheirRange) {
  EXPECT_EQ(*read_number(scalar("1"), "x", 1, 9), 1U);
  EXPECT_EQ(*read_number(scalar("9"), "x", 1, 9), 9U);
  for (const char* const wrong : {"0", "10", "-1", "05", "1.0", "", "18446744073709551616"}) {
    EXPECT_FALSE(read_number(scalar(wrong), "x", 1, 9).has_value()) << wrong;
  }
}

std::string finish_error(const std::string& unknown) {
  const Document node = map({{unknown, scalar("x", 8)}});
  ObjectReader reader = reader_of(node);
  for (const char* const known : {"methods", "paths", "principal", "id"}) reader.find(known);
  return std::string(reader.finish().error().what());
}

TEST(ObjectReader, SuggestsTheKeyThatWasMeant) {
  EXPECT_EQ(finish_error("metods"), "grants.yaml:8: grant: unknown key 'metods'; did you mean 'methods'?");
  EXPECT_EQ(finish_error("mehtods"), "grants.yaml:8: grant: unknown key 'mehtods'; did you mean 'methods'?");
  EXPECT_EQ(finish_error("path"), "grants.yaml:8: grant: unknown key 'path'; did you mean 'paths'?");
  EXPECT_EQ(finish_error("principals2"),
            "grants.yaml:8: grant: unknown key 'principals2'; did you mean 'principal'?");
}

TEST(ObjectReader, SuggestsNothingWhereNothingIsNear) {
  EXPECT_EQ(finish_error("expires"), "grants.yaml:8: grant: unknown key 'expires'");
  EXPECT_EQ(finish_error("mthds12"), "grants.yaml:8: grant: unknown key 'mthds12'");
  EXPECT_EQ(finish_error("xy"), "grants.yaml:8: grant: unknown key 'xy'");
}

TEST(ObjectReader, ShowsAHostileKeyWithoutItsControlCharacters) {
  EXPECT_EQ(finish_error("a\n\x1b[2Jb"), "grants.yaml:8: grant: unknown key 'a??[2Jb'");
  EXPECT_EQ(finish_error(std::string(1000, 'k')),
            "grants.yaml:8: grant: unknown key '" + std::string(64, 'k') + "...'");
}

}  // namespace
}  // namespace claviger::base
