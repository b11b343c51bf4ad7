// SPDX-License-Identifier: Apache-2.0
#include "cli/key_answer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/secret_arena.h"
#include "identity/api_key.h"

namespace claviger::cli {
namespace {

class KeyAnswerTest : public ::testing::Test {
 protected:
  KeyAnswerTest() {
    arena_ = *base::SecretArena::create({.memory = base::SecretArena::Memory::kLocked});
    key_ = std::string(identity::generate_api_key(*arena_)->text.reveal_text());
  }
  std::unique_ptr<base::SecretArena> arena_;
  std::string key_;
};

TEST_F(KeyAnswerTest, FindsTheKeyAndWhatStandsAroundIt) {
  const std::string answer = R"({"key":")" + key_ + R"(","resource":{"name":"x"}})";
  const auto found = find_key(answer);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->key, key_);
  EXPECT_EQ(found->before, R"({"key":")");
  EXPECT_EQ(found->after, R"(","resource":{"name":"x"}})");
}

TEST_F(KeyAnswerTest, TakesTheOutermostMemberAlone) {
  const std::string answer =
      R"({ "resource" : {"key":"no","a":["key",{"key":"no"}],"b":"\"key\":"}, "other":"key", "key" : ")" +
      key_ + "\" }";
  const auto found = find_key(answer);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->key, key_);
}

TEST_F(KeyAnswerTest, RefusesWhatHasNoKeyOfTheRightForm) {
  const std::string elsewhere = R"({"a":{"key":")" + key_ + "\"}}";
  const std::string longer = R"({"key":")" + key_ + "x\"}";
  const std::string no_object = R"(["key",")" + key_ + "\"]";
  for (const std::string& answer :
       std::vector<std::string>{"", "{}", R"({"key":)", R"({"key":")", R"({"key":"x"})", R"({"key":7})",
                                "\"\\", elsewhere, longer, no_object})
    EXPECT_FALSE(find_key(answer).has_value()) << answer;
}

TEST_F(KeyAnswerTest, RefusesAnAnswerWithTheKeyASecondTime) {
  EXPECT_FALSE(find_key(R"({"key":")" + key_ + R"(","again":")" + key_ + "\"}").has_value());
}

TEST_F(KeyAnswerTest, SaysNothingOfTheAnswerInItsError) {
  const auto found = find_key(R"({"token":")" + key_ + "\"}");
  ASSERT_FALSE(found.has_value());
  EXPECT_FALSE(found.error().what().contains("clv_"));
}

}  // namespace
}  // namespace claviger::cli
