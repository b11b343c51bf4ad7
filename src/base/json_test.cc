// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace claviger::base {
namespace {

using Type = Document::Type;

std::string why(std::string_view text) {
  const auto parsed = parse_json(text, "body");
  return parsed.has_value() ? "it was taken" : std::string(parsed.error().what());
}

std::string written(const Document& node) {
  std::string text;
  append_json(text, node);
  return text;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

bool is_same(const Document& a, const Document& b) {
  if (a.type != b.type || a.scalar != b.scalar || a.quoted != b.quoted) return false;
  return std::ranges::equal(a.items, b.items, is_same) &&
         std::ranges::equal(a.entries, b.entries, [](const DocumentEntry& x, const DocumentEntry& y) {
           return x.first == y.first && is_same(x.second, y.second);
         });
}

TEST(Json, TellsStringsFromNumbersAndNothing) {
  const Document node =
      *parse_json(R"({"s":"5","n":5,"t":true,"f":false,"z":null,"l":[1,"a"],"m":{}})", "body");
  ASSERT_EQ(node.type, Type::kMap);
  ASSERT_EQ(node.entries.size(), 7U);
  EXPECT_EQ(node.entries[0].first, "s");
  EXPECT_TRUE(node.entries[0].second.quoted);
  EXPECT_EQ(node.entries[1].second.scalar, "5");
  EXPECT_FALSE(node.entries[1].second.quoted);
  EXPECT_EQ(node.entries[2].second.scalar, "true");
  EXPECT_FALSE(node.entries[3].second.quoted);
  EXPECT_EQ(node.entries[4].second.type, Type::kNull);
  EXPECT_EQ(node.entries[5].second.items.size(), 2U);
  EXPECT_EQ(node.entries[6].second.type, Type::kMap);
}

TEST(Json, IsReadFieldByFieldAsYamlIs) {
  const Document node = *parse_json(R"({"calls":"5","window":5,"off":"true"})", "body");
  ObjectReader reader = *ObjectReader::of(node, "grant");
  EXPECT_FALSE(reader.number_or("calls", 0, 0, 10).has_value()) << "a quoted number is a string";
  EXPECT_EQ(*reader.number_or("window", 0, 0, 10), 5U);
  EXPECT_FALSE(reader.boolean_or("off", false).has_value()) << "a quoted true is a string";
  EXPECT_TRUE(reader.finish().has_value());
}

TEST(Json, KeepsNumbersAsTheyAreWritten) {
  for (const char* number : {"0", "-0", "18446744073709551615", "99999999999999999999999", "1e400", "1.50",
                             "-0.0e-7", "1E+2", "0.1", "1e999999999"}) {
    const auto parsed = parse_json(number, "body");
    ASSERT_TRUE(parsed.has_value()) << number;
    EXPECT_EQ(parsed->scalar, number);
    EXPECT_EQ(written(*parsed), number);
  }
}

TEST(Json, RefusesWhatIsNotWellFormed) {
  for (const char* text : {"",           " ",
                           "{",          "[",
                           "[1",         "[1,",
                           "[1,]",       "{\"a\"",
                           "{\"a\":",    "{\"a\":1,",
                           "{\"a\":1,}", "{a:1}",
                           "{'a':1}",    "01",
                           "+1",         ".5",
                           "1.",         "1e",
                           "0x1",        "NaN",
                           "Infinity",   "-",
                           "--1",        "tru",
                           "True",       "nul",
                           "\"a",        "\"\\x\"",
                           "\"\\u12\"",  "\"\\u12g4\"",
                           "\"a\nb\"",   "\"a\tb\"",
                           "// no\n1",   "/* no */ 1",
                           "1 2",        "{} {}",
                           "[1] x",      "]",
                           "}",          "[1}",
                           "{\"a\":1]",  "\xef\xbb\xbf{}",
                           "{\"a\" 1}",  "{1:2}",
                           "[,1]",       "1e99999999999"}) {
    EXPECT_FALSE(parse_json(text, "body").has_value()) << text;
  }
  EXPECT_FALSE(parse_json(std::string_view("1\0", 2), "body").has_value());
  EXPECT_FALSE(parse_json(std::string_view("\"a\0b\"", 5), "body").has_value());
}

TEST(Json, RefusesWhatIsNotUtf8) {
  for (const char* text : {"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                           "\"\xe2\x82\"", "{\"\xff\":1}", "\"\x80\"", "\xff"}) {
    EXPECT_FALSE(parse_json(text, "body").has_value());
  }
  EXPECT_EQ(parse_json("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "body")->scalar,
            "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST(Json, RefusesHalvesOfSurrogatePairs) {
  for (const char* text : {R"("\ud800")", R"("\udc00")", R"("\ud800x")", R"("\ud800\n")", R"("\ud800\ud800")",
                           R"({"\ud800":1})", R"("\udc00\ud800")"}) {
    EXPECT_FALSE(parse_json(text, "body").has_value()) << text;
  }
  EXPECT_EQ(parse_json(R"("\ud83d\ude00\u0041")", "body")->scalar,
            "\xf0\x9f\x98\x80"
            "A");
}

TEST(Json, RefusesNamesThatAreThereTwice) {
  EXPECT_EQ(why(R"({"a":1,"b":2,"a":3})"), "body:1: key 'a' is there twice");
  EXPECT_EQ(why(R"({"a":1,"\u0061":3})"), "body:1: key 'a' is there twice");
  EXPECT_EQ(why("{\"x\":{\"a\":1,\n\"a\":2}}"), "body:2: key 'a' is there twice");
  std::string many = "{";
  for (int i = 0; i < 500; ++i) many += "\"k" + std::to_string(i) + "\":1,\n";
  EXPECT_TRUE(parse_json(many + "\"k500\":1}", "body").has_value());
  EXPECT_EQ(why(many + "\"k250\":1}"), "body:501: key 'k250' is there twice");
}

TEST(Json, NamesTheLineOfValuesAndOfMistakes) {
  const Document node = *parse_json("\n{\n\n \"a\": [\n  1,\r\n  2],\n \"b\":\n 3}\n\n", "body");
  EXPECT_EQ(node.place.line, 2U);
  EXPECT_EQ(*node.place.file, "body");
  EXPECT_EQ(node.entries[0].second.place.line, 4U);
  EXPECT_EQ(node.entries[0].second.items[0].place.line, 5U);
  EXPECT_EQ(node.entries[0].second.items[1].place.line, 6U);
  EXPECT_EQ(node.entries[1].second.place.line, 8U);
  EXPECT_EQ(why("{\n\"a\": 1,\n\"b\": x}\n"), "body:3: not well-formed JSON");
  EXPECT_EQ(why("{\n\"a\": 1\n"), "body:2: not well-formed JSON: it ends too early");
  EXPECT_EQ(why("{}\n\n{}"), "body:3: not well-formed JSON: something follows the value");
  EXPECT_EQ(parse_json("x", "").error().what(), "line 1: not well-formed JSON");
}

TEST(Json, ShowsNothingOfTheTextButNamesThatAreMadePrintable) {
  EXPECT_EQ(why("{\"\\u001b[2J\":1,\"\\u001b[2J\":2}"), "body:1: key '?[2J' is there twice");
  EXPECT_EQ(why(R"({"key": fake-secret})"), "body:1: not well-formed JSON");
}

TEST(Json, TakesThirtyTwoLevelsAndNotOneMore) {
  const auto nested = [](std::size_t levels, std::string_view open, std::string_view close) {
    std::string text;
    for (std::size_t i = 0; i < levels; ++i) text += open;
    text += "1";
    for (std::size_t i = 0; i < levels; ++i) text += close;
    return text;
  };
  for (const char* line_end : {"", "\n"}) {
    const std::string end(line_end);
    EXPECT_TRUE(parse_json(nested(32, "[" + end, "]" + end), "body").has_value());
    EXPECT_TRUE(parse_json(nested(32, "{\"a\":" + end, "}" + end), "body").has_value());
    EXPECT_NE(why(nested(33, "[" + end, "]" + end)).find("nested more than 32 levels deep"),
              std::string::npos);
    EXPECT_NE(why(nested(33, "{\"a\":" + end, "}")).find("nested more than 32 levels deep"),
              std::string::npos);
    EXPECT_NE(why(nested(1'000'000, "[" + end, "]")).find("nested more than 32 levels deep"),
              std::string::npos);
  }
}

TEST(Json, TakesSoManyValuesAndNotOneMore) {
  EXPECT_TRUE(parse_json("[1,2,3]", "body", 4).has_value());
  EXPECT_EQ(parse_json("[1,2,3,4]", "body", 4).error().what(), "body:1: more than 4 values");
  EXPECT_FALSE(parse_json(R"({"a":{"b":[]}})", "body", 2).has_value());
  std::string many = "[0";
  for (std::size_t i = 1; i < kMaxJsonNodes; ++i) many += ",0";
  EXPECT_EQ(why(many + "]"), "body:1: more than 100000 values");
}

TEST(Json, RefusesMoreThanSixteenMebibytes) {
  std::string text(kMaxJsonSize, ' ');
  text[0] = '1';
  EXPECT_TRUE(parse_json(text, "body").has_value());
  EXPECT_EQ(why(text + " "), "body: more than 16 MiB of JSON");
  EXPECT_TRUE(parse_json("\"" + std::string(kMaxJsonSize - 2, 'x') + "\"", "body").has_value());
}

TEST(Json, IsNotSlowedByBlankLinesOrDepth) {
  std::string text(std::size_t{1} << 20, '\n');
  EXPECT_EQ(parse_json(std::string(31, '[') + text + "1" + text + std::string(31, ']'), "body")->place.line,
            1U);
}

TEST(Json, WritesOnlyNumbersTrueAndFalseUnquoted) {
  const auto plain = [](std::string text) {
    return written({.type = Type::kScalar, .scalar = std::move(text)});
  };
  for (const char* text : {"5", "-1.5e3", "true", "false"}) EXPECT_EQ(plain(text), text);
  for (const char* text : {"", "05", "+5", "5.", ".5", "1e", "5 ", "NaN", "null", "True", "0x10", "-",
                           "1e0000000001", "2027-01-01T00:00:00Z", "10.0.0.0/8"}) {
    EXPECT_EQ(plain(text), quoted(text)) << text;
  }
  EXPECT_EQ(written({.type = Type::kScalar, .scalar = "5", .quoted = true}), "\"5\"");
  EXPECT_EQ(written({}), "null");
}

TEST(Json, EscapesWhatWouldEndAStringOrActOnATerminal) {
  EXPECT_EQ(quoted("a\"b\\c/\n\x1b\x7f"), R"("a\"b\\c/\u000a\u001b\u007f")");
  EXPECT_EQ(quoted("\xc2\x9b\xc3\xa9"), "\"\\u009b\xc3\xa9\"");
  EXPECT_EQ(quoted(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(quoted("a\xff"
                   "b\xe2\x82"),
            "\"a\xef\xbf\xbd"
            "b\xef\xbf\xbd\xef\xbf\xbd\"");
}

// --- Whatever is written is read back ---

class RandomDocuments {
 public:
  explicit RandomDocuments(unsigned seed) : random_(seed) {}
  Document make(int depth = 0) {
    Document node;
    switch (pick(depth > 5 ? 4 : 6)) {
      case 0:
        break;
      case 1:
        node = scalar(kPlain[pick(kPlain.size())], false);
        break;
      case 2:
      case 3:
        node = scalar(text(), true);
        break;
      case 4:
        node.type = Type::kList;
        for (std::size_t i = pick(5); i > 0; --i) node.items.push_back(make(depth + 1));
        break;
      default:
        node.type = Type::kMap;
        for (std::size_t i = pick(20); i > 0; --i)
          node.entries.emplace_back(std::to_string(i) + ":" + text(), make(depth + 1));
    }
    return node;
  }
  std::size_t pick(std::size_t below) { return random_() % below; }

 private:
  static constexpr std::array<const char*, 8> kPlain = {
      "0", "-12", "1.5", "1e400", "18446744073709551615", "-0e-9", "true", "false"};
  static Document scalar(std::string text, bool is_quoted) {
    return {.type = Type::kScalar, .scalar = std::move(text), .quoted = is_quoted};
  }
  std::string text() {
    static constexpr std::array<const char*, 12> kPieces = {
        "a",       "B", "5", " ", "\"", "\\", "\n", "\x01", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
        "\xc2\x80"};
    std::string made;
    for (std::size_t i = pick(12); i > 0; --i) made += kPieces[pick(kPieces.size())];
    return made;
  }
  std::mt19937 random_;
};

TEST(Json, ReadsBackWhatItWrote) {
  RandomDocuments documents(1);
  for (int i = 0; i < 2000; ++i) {
    const Document node = documents.make();
    const std::string text = written(node);
    const auto back = parse_json(text, "body");
    ASSERT_TRUE(back.has_value()) << text;
    ASSERT_TRUE(is_same(node, *back)) << text;
  }
}

TEST(Json, ReadsTheSameHoweverWhiteSpaceAndLineEndsStand) {
  RandomDocuments documents(2);
  for (int i = 0; i < 500; ++i) {
    const Document node = documents.make();
    std::string spaced;
    bool in_string = false;
    bool escaped = false;
    for (const char c : written(node)) {
      const bool structural = !in_string && std::string_view("[]{},:").find(c) != std::string_view::npos;
      if (structural) spaced.append(documents.pick(3), "\n\r \t"[documents.pick(4)]);
      spaced += c;
      if (structural) spaced.append(documents.pick(3), '\n');
      if (c == '"' && !escaped) in_string = !in_string;
      escaped = c == '\\' && !escaped;
    }
    const auto back = parse_json(spaced, "body");
    ASSERT_TRUE(back.has_value()) << spaced;
    ASSERT_TRUE(is_same(node, *back)) << spaced;
  }
}

TEST(Json, NeverTakesACutDocument) {
  RandomDocuments documents(3);
  for (int i = 0; i < 100; ++i) {
    const Document node = documents.make();
    if (node.type != Type::kMap && node.type != Type::kList) continue;
    const std::string text = written(node);
    for (std::size_t size = 0; size < text.size() && size < 300; ++size)
      ASSERT_FALSE(parse_json(text.substr(0, size), "body").has_value());
  }
}

}  // namespace
}  // namespace claviger::base
