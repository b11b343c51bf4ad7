// SPDX-License-Identifier: Apache-2.0
#include "base/secret_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace claviger::base {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SecretJsonTest : public ::testing::Test {
 protected:
  Result<SecretJson> parse(std::string_view text) { return SecretJson::parse(text, *arena_, "the answer"); }
  std::string why(std::string_view text) {
    const auto parsed = parse(text);
    return parsed.has_value() ? "it was taken" : std::string(parsed.error().what());
  }
  std::unique_ptr<SecretArena> arena_ =
      *SecretArena::create({.memory = SecretArena::Memory::kLocked, .limit = std::size_t{4} << 20});
};

TEST_F(SecretJsonTest, GivesMembersByTheirPath) {
  const auto answer =
      *parse(R"({"auth":{"client_token":"fake-token","ttl":3600,"renewable":true,"orphan":null},
                                 "data":{"data":{"key":"fake-value","":"empty name"}},"list":[{"key":"not this"}]})");
  EXPECT_EQ(answer.text({"auth", "client_token"}), "fake-token");
  EXPECT_EQ(answer.number({"auth", "ttl"}), 3600U);
  EXPECT_EQ(answer.boolean({"auth", "renewable"}), true);
  EXPECT_EQ(answer.text({"data", "data", "key"}), "fake-value");
  EXPECT_EQ(answer.text({"data", "data", ""}), "empty name");
  EXPECT_TRUE(answer.has({"list"}));
  EXPECT_FALSE(answer.has({"auth", "orphan"})) << "null is nothing";
  EXPECT_FALSE(answer.text({"list", "key"})) << "lists have no members";
  EXPECT_FALSE(answer.text({"key"})) << "the member of another object";
  EXPECT_FALSE(answer.text({"auth", "client_token", "more"}));
}

TEST_F(SecretJsonTest, TakesNoTypeForAnother) {
  const auto answer = *parse(R"({"s":"5","n":5,"t":true,"minus":-1,"half":0.5,"huge":18446744073709551616})");
  EXPECT_FALSE(answer.number({"s"}));
  EXPECT_FALSE(answer.text({"n"}));
  EXPECT_FALSE(answer.text({"t"}));
  EXPECT_FALSE(answer.number({"t"}));
  EXPECT_FALSE(answer.boolean({"n"}));
  for (const char* name : {"minus", "half", "huge"}) EXPECT_FALSE(answer.number({name})) << name;
  EXPECT_EQ(parse(R"({"n":18446744073709551615})")->number({"n"}), UINT64_MAX);
}

TEST_F(SecretJsonTest, TakesEscapesOut) {
  std::string nested = R"({"key":"fake \"value\""})";
  std::string text = R"({"SecretString":")";
  for (const char c : nested) (c == '"' || c == '\\') ? (text += '\\') += c : text += c;
  text += R"(","u":"\u00e9\ud83d\ude00\n"})";
  const auto outer = *parse(text);
  EXPECT_EQ(outer.text({"SecretString"}), nested);
  EXPECT_EQ(outer.text({"u"}), "\xc3\xa9\xf0\x9f\x98\x80\n");
  const auto inner = *parse(*outer.text({"SecretString"}));
  EXPECT_EQ(inner.text({"key"}), "fake \"value\"");
}

TEST_F(SecretJsonTest, TakesLongTextWithEscapesEverywhere) {
  std::string plain, text = "{\"s\":\"";
  for (int i = 0; i < 20'000; ++i) {
    plain += i % 7 == 0 ? '\n' : 'x';
    text += i % 7 == 0 ? "\\n" : "x";
  }
  text += "\"}";
  EXPECT_EQ(parse(text)->text({"s"}), plain);
}

TEST_F(SecretJsonTest, RefusesWhatCanBeReadTwoWays) {
  EXPECT_THAT(why(R"({"a":"1","b":2,"a":"3"})"), HasSubstr("a key is there twice"));
  EXPECT_THAT(why("{\"\\u0061\":1,\"a\":2}"), HasSubstr("a key is there twice"));
  EXPECT_THAT(why(R"({"a":1} {)"), HasSubstr("something follows"));
  EXPECT_THAT(why(R"({"a":1)"), HasSubstr("ends too early"));
  EXPECT_THAT(why(""), HasSubstr("ends too early"));
  EXPECT_THAT(why("{\"a\":\"\xff\"}"), HasSubstr("not well-formed"));
  EXPECT_THAT(why("{\"a\":\"\xc0\x80\"}"), HasSubstr("not well-formed"));
  EXPECT_THAT(why(R"({"a":"\ud800"})"), HasSubstr("not well-formed"));
  EXPECT_THAT(why("{'a':1}"), HasSubstr("not well-formed"));
  EXPECT_THAT(why("{\"a\":1,}"), HasSubstr("not well-formed"));
  EXPECT_THAT(why("{\"a\":01}"), HasSubstr("not well-formed"));
  EXPECT_THAT(why("/**/{}"), HasSubstr("not well-formed"));
}

TEST_F(SecretJsonTest, IsBounded) {
  EXPECT_EQ(why(std::string(16, '[') + std::string(16, ']')), "it was taken");
  EXPECT_THAT(why(std::string(17, '[') + std::string(17, ']')), HasSubstr("16 levels"));
  EXPECT_THAT(why("\"" + std::string(300'000, 'x') + "\""), HasSubstr("256 KiB"));
  std::string many = "[1";
  for (int i = 0; i < 10'000; ++i) many += ",1";
  EXPECT_THAT(why(many + "]"), HasSubstr("more than 10000 values"));
  EXPECT_THAT(why("[" + std::string(200'000, ',') + "]"), HasSubstr("not well-formed"));
}

TEST_F(SecretJsonTest, SaysNothingOfWhatItRead) {
  EXPECT_THAT(why(R"({"fake-secret":"fake-secret","fake-secret":1})"), Not(HasSubstr("fake-secret")));
  EXPECT_THAT(why(R"({"key":"fake-secret" fake-secret)"), Not(HasSubstr("fake-secret")));
}

TEST_F(SecretJsonTest, LiesInTheArenaAndIsGoneAtTheEnd) {
  {
    const auto answer = *parse(R"({"plain":"fake-token","escaped":"fake\u002dtoken"})");
    for (const char* name : {"plain", "escaped"}) {
      EXPECT_EQ(answer.text({name}), "fake-token");
      EXPECT_TRUE(arena_->contains(answer.text({name})->data()));
    }
    const SecretJson moved = *parse("{}");
    EXPECT_GT(arena_->usage().in_use, 0U);
  }
  EXPECT_FALSE(parse("{\"a\":").has_value());
  EXPECT_EQ(arena_->usage().in_use, 0U);
}

TEST_F(SecretJsonTest, SaysThatTheArenaIsSpent) {
  const auto small = *SecretArena::create({.memory = SecretArena::Memory::kLocked, .limit = 64 << 10});
  const auto parsed = SecretJson::parse("\"" + std::string(200'000, 'x') + "\"", *small, "the answer");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace claviger::base
