// SPDX-License-Identifier: Apache-2.0
#include "server/yaml.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::server {
namespace {

using base::Document;
using Type = base::Document::Type;

std::vector<Document> read(std::string_view text) {
  auto documents = read_yaml(text, "test.yaml");
  EXPECT_TRUE(documents.has_value()) << (documents.has_value() ? "" : documents.error().what());
  return documents.has_value() ? *std::move(documents) : std::vector<Document>();
}

std::string refusal(std::string_view text) {
  const auto documents = read_yaml(text, "test.yaml");
  if (documents.has_value()) return "";
  EXPECT_EQ(documents.error().code(), Code::kInvalid);
  return std::string(documents.error().what());
}

std::string repeat(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Yaml, ReadsMapsListsAndScalarsWithTheirLines) {
  const auto documents =
      read("kind: grant\nmethods: [GET, POST]\nnested:\n  a: 1\n  b:\n    - x\n    - y: z\n");
  ASSERT_EQ(documents.size(), 1u);
  const Document& map = documents[0];
  ASSERT_EQ(map.type, Type::kMap);
  EXPECT_EQ(map.place.line, 1u);
  EXPECT_EQ(*map.place.file, "test.yaml");
  ASSERT_EQ(map.entries.size(), 3u);
  EXPECT_EQ(map.entries[0].first, "kind");
  EXPECT_EQ(map.entries[0].second.scalar, "grant");
  const Document& methods = map.entries[1].second;
  ASSERT_EQ(methods.type, Type::kList);
  EXPECT_EQ(methods.place.line, 2u);
  EXPECT_EQ(methods.items.at(1).scalar, "POST");
  const Document& b = map.entries[2].second.entries.at(1).second;
  EXPECT_EQ(b.items.at(0).place.line, 6u);
  EXPECT_EQ(b.items.at(1).entries.at(0).second.scalar, "z");
  EXPECT_EQ(b.items.at(1).entries.at(0).second.place.line, 7u);
}

TEST(Yaml, ReadsSeveralDocuments) {
  const auto documents = read("a: 1\n---\nb: 2\n---\n---\nc: 3\n...\n");
  ASSERT_EQ(documents.size(), 4u);
  EXPECT_EQ(documents[1].entries.at(0).second.place.line, 3u);
  EXPECT_EQ(documents[2].type, Type::kNull);
  EXPECT_EQ(documents[3].entries.at(0).first, "c");
  EXPECT_TRUE(read("").empty());
  EXPECT_TRUE(read("# nothing but a comment\n").empty());
}

TEST(Yaml, KnowsWhatWasQuoted) {
  const Document list =
      read("- true\n- \"true\"\n- 'true'\n- |-\n  true\n- ~\n- null\n- ''\n-\n- \"a\\u00e9\\n\"\n")[0];
  ASSERT_EQ(list.items.size(), 9u);
  EXPECT_FALSE(list.items[0].quoted);
  for (std::size_t i = 1; i <= 3; ++i) {
    EXPECT_TRUE(list.items[i].quoted);
    EXPECT_EQ(list.items[i].scalar, "true");
  }
  EXPECT_EQ(list.items[4].type, Type::kNull);
  EXPECT_EQ(list.items[5].type, Type::kNull);
  EXPECT_EQ(list.items[6].type, Type::kScalar);
  EXPECT_TRUE(list.items[6].quoted);
  EXPECT_EQ(list.items[7].type, Type::kNull);
  EXPECT_EQ(list.items[8].scalar, "a\xc3\xa9\n");
}

TEST(Yaml, RefusesAKeyThatIsThereTwice) {
  EXPECT_EQ(refusal("a: 1\nb: 2\na: 3\n"), "test.yaml:3: key 'a' is there twice");
  EXPECT_EQ(refusal("a: { x: 1, 'x': 2 }\n"), "test.yaml:1: key 'x' is there twice");
  EXPECT_EQ(refusal("- { x: 1 }\n- { x: 1 }\n"), "");
}

TEST(Yaml, RefusesAnchorsAliasesAndTags) {
  EXPECT_EQ(refusal("a: 1\nb: &x 2\n"),
            "test.yaml:2: anchors (&name) are not supported; write it out where it is needed");
  EXPECT_NE(refusal("a: &x [1]\nb: *x\n"), "");
  EXPECT_NE(refusal("a: &x {b: *x}\n"), "");
  EXPECT_NE(refusal("a: *x\n"), "");
  EXPECT_NE(refusal("&x a: 1\n"), "");
  EXPECT_EQ(refusal("\na: !!str 1\n"), "test.yaml:2: tags (!name) are not supported");
  EXPECT_NE(refusal("a: !secret 1\n"), "");
  EXPECT_NE(refusal("a: !!binary aGk=\n"), "");
  EXPECT_NE(refusal("a: !list [1]\n"), "");
  EXPECT_NE(refusal("a: !map {b: 1}\n"), "");
}

// The classic: nine levels of nine references each, a billion nodes once written out.
TEST(Yaml, RefusesABillionLaughs) {
  std::string text = "a: &a [\"lol\"]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    const std::string reference = std::string("*") + static_cast<char>(c - 1) + ",";
    text += std::string(1, c) + ": &" + c + " [" + repeat(reference, 9) + "]\n";
  }
  EXPECT_NE(refusal(text), "");
}

TEST(Yaml, RefusesKeysThatAreNoScalars) {
  EXPECT_EQ(refusal("? [a, b]\n: 1\n"), "test.yaml:1: a key is a scalar");
  EXPECT_NE(refusal("? {a: b}\n: 1\n"), "");
  EXPECT_NE(refusal("~: 1\n"), "");
  EXPECT_NE(refusal(": 1\n"), "");
  EXPECT_NE(refusal("{[a]: 1}\n"), "");
}

TEST(Yaml, BoundsDepthNodesAndSize) {
  EXPECT_EQ(refusal(repeat("[", 32) + repeat("]", 32)), "");
  EXPECT_EQ(refusal(repeat("[", 33) + repeat("]", 33)), "test.yaml:1: nested more than 32 levels deep");
  EXPECT_NE(refusal(repeat("[", 100000)), "");
  EXPECT_NE(refusal(repeat("{a: ", 33) + repeat("}", 33)), "");
  EXPECT_EQ(refusal("[" + repeat("1,", 199'999) + "]"), "");
  EXPECT_NE(refusal("[" + repeat("1,", 200'000) + "]").find("200000 nodes"), std::string::npos);
  EXPECT_EQ(refusal("# " + std::string(kMaxYamlSize - 3, 'x') + "\n"), "");
  EXPECT_EQ(refusal(std::string(kMaxYamlSize + 1, ' ')), "test.yaml: a file has at most 4 MiB; split it");
}

TEST(Yaml, NamesTheLineOfASyntaxError) {
  EXPECT_EQ(refusal("a: 1\nb: [1, 2\nc: 3\n").find("test.yaml:"), 0u);
  EXPECT_NE(refusal("a: 1\nb: \"open\n").find("test.yaml:3: not well-formed YAML"), std::string::npos);
  EXPECT_NE(refusal("a: 1\n  b: 2\n"), "");
  EXPECT_NE(refusal("a: 1\n\tb: 2\n"), "");
  EXPECT_EQ(refusal("a: 1\nb: }\n").substr(0, 12), "test.yaml:2:");
}

// yaml-cpp alone lets these pass.
TEST(Yaml, RefusesAFileThatIsCutShort) {
  for (const char* text :
       {"a: 1\nb: \"open\n", "a: 1\nb: \"open", "a: 'open\n", "a: 'open\n\n\n", "- \"open\n"}) {
    EXPECT_NE(refusal(text).find("not well-formed YAML"), std::string::npos) << text;
  }
}

TEST(Yaml, RefusesTextThatBelongsToNothing) {
  EXPECT_EQ(refusal("- a\nb: c\n").substr(0, 33), "test.yaml:2: not well-formed YAML");
  EXPECT_NE(refusal("a: 1\n---\n[x]\ny\n"), "");
  EXPECT_EQ(refusal("# first\n\na: 1\n---\n# second\nb: 1\n--- [x]\n"), "");
}

TEST(Yaml, KeepsABlockScalarAsItIs) {
  EXPECT_EQ(read("a: |\n  x\n  y\n")[0].entries.at(0).second.scalar, "x\ny\n");
  EXPECT_EQ(read("a: |+\n  x\n\n")[0].entries.at(0).second.scalar, "x\n\n");
  EXPECT_EQ(read("a: >-\n  x\n  y\n")[0].entries.at(0).second.scalar, "x y");
}

TEST(Yaml, RefusesBytesThatAreNoText) {
  EXPECT_EQ(refusal(std::string("a: 1\nb: \0x\n", 11)), "test.yaml:2: a control byte stands in the text");
  EXPECT_NE(refusal("a: \x1b[31m\n"), "");
  EXPECT_NE(refusal("a: \xff\n"), "");
  EXPECT_NE(refusal(std::string("\xff\xfe"
                                "a\0:\0",
                                6)),
            "");
  EXPECT_NE(refusal(std::string("\0a\0:\0 \0b", 8)), "");
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "a: 1\r\nb: 2\r\n")[0]
                .entries.at(1)
                .second.scalar,
            "2");
}

}  // namespace
}  // namespace claviger::server
