// SPDX-License-Identifier: Apache-2.0
#include "cli/yaml_text.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "cli/resource_table.h"
#include "server/yaml.h"

namespace claviger::cli {
namespace {

std::string json_of(const base::Document& document) {
  std::string json;
  base::append_json(json, document);
  return json;
}

// What apply would send after `get -o yaml` printed `json`.
std::string there_and_back(const std::string& json) {
  const auto document = base::parse_json(json, "test");
  if (!document.has_value()) return std::string(document.error().what());
  std::string yaml;
  append_yaml(yaml, *document);
  const auto read = server::read_yaml(yaml, "back.yaml");
  if (!read.has_value()) return std::string(read.error().what()) + "\n" + yaml;
  if (read->size() != 1) return "not one document:\n" + yaml;
  return json_of(read->front());
}

TEST(YamlText, ComesBackAsItWas) {
  for (
      const std::string json : {
          R"({"kind":"grant","name":"ci:openai","methods":["GET","POST"],"paths":["/v1/**","/a b"],"rate":"600/min"})",
          R"({"a":{"b":{"c":["x",{"d":1,"e":[[],{}]}],"f":{}}},"g":[],"h":null})",
          R"({"number":12.5,"negative":-3,"yes":true,"no":false})",
          R"({"list":[{"a":"x","b":["y",{"c":"z"}]},"w"]})",
      })
    EXPECT_EQ(there_and_back(json), json);
}

TEST(YamlText, KeepsStringsStrings) {
  for (const std::string text : {"true",       "False",
                                 "null",       "~",
                                 "yes",        "NO",
                                 "on",         "12345678",
                                 "1e3",        "0x1f",
                                 ".5",         "-",
                                 "- a",        "a: b",
                                 "a #b",       "#b",
                                 "",           " a",
                                 "a ",         "*x",
                                 "&x",         "!x",
                                 "%x",         "@x",
                                 "`x",         "|",
                                 ">",          "?",
                                 "{a}",        "[a]",
                                 "a,b",        "'",
                                 "\\\"",       "2027-01-01T00:00:00Z",
                                 "a\\nb",      "---",
                                 "...",        "\\u0000",
                                 "\\u001b[2J", "\\u007f\\u009b",
                                 "日本",       "\\ud83d\\ude42",
                                 "=",          "<<",
                                 "\\u2028",    "\\u00a0",
                                 "\\ufeff",    "nan",
                                 ".inf"}) {
    const auto expected = base::parse_json("{\"s\":\"" + text + "\"}", "test");
    ASSERT_TRUE(expected.has_value()) << text;
    EXPECT_EQ(there_and_back("{\"s\":\"" + text + "\"}"), json_of(*expected)) << text;
    const auto listed = base::parse_json("{\"l\":[\"" + text + "\"]}", "test");
    EXPECT_EQ(there_and_back("{\"l\":[\"" + text + "\"]}"), json_of(*listed)) << text;
  }
}

TEST(YamlText, KeepsNamesThatNeedQuotes) {
  const std::string json = R"({"a b":1,"true":2,"#":3,"12":4,"":5})";
  EXPECT_EQ(there_and_back(json), json);
}

TEST(YamlText, ComesBackWhenNestedDeeply) {
  std::string json = "\"x\"";
  for (int i = 0; i < 15; ++i) json = R"({"a":[)" + json + "]}";
  EXPECT_EQ(there_and_back(json), json);
}

TEST(YamlText, HasNoControlCharacterWhateverItHolds) {
  std::string yaml;
  append_yaml(yaml, *base::parse_json("{\"a\\u001b\":\"\\u0007\xc2\x9b\xe2\x80\xae\"}", "test"));
  EXPECT_EQ(yaml.find_first_of("\x1b\x07"), std::string::npos) << yaml;
  EXPECT_FALSE(yaml.contains("\xc2\x9b")) << yaml;
  EXPECT_FALSE(yaml.contains("\xe2\x80\xae")) << yaml;
}

TEST(YamlText, PutsWhatTheGatewayAddsIntoARemark) {
  const auto resource = base::parse_json(
      R"({"kind":"credential","name":"openai-main","upstream":"openai","status":{"state":"active","version":2},"revision":7,"updated_at":"2026-05-01T10:00:00.000Z"})",
      "test");
  EXPECT_EQ(resource_yaml(*resource),
            "# status {\"state\":\"active\",\"version\":2}, revision 7, updated_at 2026-05-01T10:00:00.000Z\n"
            "kind: credential\nname: openai-main\nupstream: openai\n");
}

}  // namespace
}  // namespace claviger::cli
