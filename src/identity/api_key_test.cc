// SPDX-License-Identifier: Apache-2.0
#include "identity/api_key.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace claviger::identity {
namespace {

std::unique_ptr<base::SecretArena> arena() {
  auto made = base::SecretArena::create({.memory = base::SecretArena::Memory::kLocked, .limit = 1 << 20});
  EXPECT_TRUE(made.has_value());
  return std::move(*made);
}

std::string new_key_text(base::SecretArena& in) {
  auto key = generate_api_key(in);
  EXPECT_TRUE(key.has_value());
  return std::string(key->text.reveal_text());
}

TEST(ApiKey, ReadsWhatItGenerates) {
  const auto memory = arena();
  const auto key = generate_api_key(*memory);
  ASSERT_TRUE(key.has_value());
  const auto view = parse_api_key(key->text.reveal_text());
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->id, key->id);
  EXPECT_EQ(view->text, key->text.reveal_text());
  EXPECT_EQ(view->text.size(), 62u);
  crypto::Sha256 sha256;
  EXPECT_EQ(key->hash, sha256.digest(key->text.reveal_text()));
}

TEST(ApiKey, KeepsTheTextInTheArena) {
  const auto memory = arena();
  const auto key = generate_api_key(*memory);
  ASSERT_TRUE(key.has_value());
  EXPECT_TRUE(memory->contains(key->text.reveal().data()));
}

// Scanners elsewhere recompute the checksum: it must be the CRC-32 that everybody means.
TEST(ApiKey, ChecksumIsTheCrc32OfAllBeforeItInBase62) {
  // Not a real key: reckoned with zlib.
  EXPECT_TRUE(parse_api_key("clv_fakefake_NotARealKeyNotARealKeyNotARealKeyNotARealKe"
                            "20eb8g")
                  .has_value());
  EXPECT_FALSE(parse_api_key("clv_fakefake_NotARealKeyNotARealKeyNotARealKeyNotARealKe"
                             "000000")
                   .has_value());
}

TEST(ApiKey, RefusesAnySingleChangedCharacter) {
  const auto memory = arena();
  const std::string text = new_key_text(*memory);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(parse_api_key(changed).has_value()) << "at " << i;
  }
}

TEST(ApiKey, RefusesOtherLengthsAndBytes) {
  const auto memory = arena();
  const std::string text = new_key_text(*memory);
  EXPECT_FALSE(parse_api_key("").has_value());
  EXPECT_FALSE(parse_api_key(text + "0").has_value());
  EXPECT_FALSE(parse_api_key(text.substr(0, 61)).has_value());
  EXPECT_FALSE(parse_api_key(" " + text.substr(0, 61)).has_value());
  std::string with_nul = text;
  with_nul[20] = '\0';
  EXPECT_FALSE(parse_api_key(with_nul).has_value());
  std::string with_dash = text;
  with_dash[30] = '-';
  EXPECT_FALSE(parse_api_key(with_dash).has_value());
}

// Not real keys: of another form each, all with the checksum that would be right.
TEST(ApiKey, RefusesAnotherFormWhateverItsChecksum) {
  EXPECT_FALSE(parse_api_key("clv_fakefake-NotARealKeyNotARealKeyNotARealKeyNotARealKe"
                             "13Fpfk")
                   .has_value());
  EXPECT_FALSE(parse_api_key("clw_fakefake_NotARealKeyNotARealKeyNotARealKeyNotARealKe"
                             "1z6WEq")
                   .has_value());
  EXPECT_FALSE(parse_api_key("clv_FakeFake_NotARealKeyNotARealKeyNotARealKeyNotARealKe"
                             "49ToIq")
                   .has_value());
  EXPECT_FALSE(parse_api_key("clv_fakefake_NotARealKeyNotARealK-yNotARealKeyNotARealKe"
                             "1uuRD6")
                   .has_value());
}

TEST(ApiKey, NeverRepeatsAnIdOrASecret) {
  const auto memory = arena();
  std::set<std::string> ids;
  std::set<std::string> texts;
  for (int i = 0; i < 200; ++i) {
    const std::string text = new_key_text(*memory);
    ids.insert(text.substr(4, 8));
    texts.insert(text.substr(13, 43));
  }
  EXPECT_EQ(ids.size(), 200u);
  EXPECT_EQ(texts.size(), 200u);
}

// With a plain modulo the first eight characters of the alphabet would come 5/4 times as often.
TEST(ApiKey, DrawsEveryCharacterOfTheSecretAboutEquallyOften) {
  const auto memory = arena();
  std::map<char, int> counts;
  for (int i = 0; i < 900; ++i) {
    for (const char c : new_key_text(*memory).substr(13, 43)) ++counts[c];
  }
  EXPECT_EQ(counts.size(), 62u);
  int first_eight = 0;
  for (char c = '0'; c <= '7'; ++c) first_eight += counts[c];
  // 38700 draws, 8/62 of them: 4993 expected, standard deviation 66; with bias it would be 6047.
  EXPECT_NEAR(first_eight, 4993, 500);
}

TEST(ApiKey, FindsTheStartOfAKeyInText) {
  EXPECT_TRUE(contains_api_key("?key=clv_7f3k9x2m_rest"));
  EXPECT_TRUE(contains_api_key("clv_clv_7f3k9x2m_"));
  EXPECT_FALSE(contains_api_key("clv_7f3k9x2m"));
  EXPECT_FALSE(contains_api_key("clv_7F3K9X2M_rest"));
  EXPECT_FALSE(contains_api_key("/clv_docs/index"));
  EXPECT_FALSE(contains_api_key(""));
}

TEST(KeyHash, ReadsWhatItWrites) {
  crypto::Sha256 sha256;
  const auto digest = sha256.digest(std::string_view("fake"));
  const auto read = parse_key_hash(format_key_hash(digest));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, digest);
}

TEST(KeyHash, RefusesOtherForms) {
  const std::string digits(64, 'a');
  EXPECT_TRUE(parse_key_hash("sha256:" + digits).has_value());
  for (const std::string& text :
       {digits, "sha512:" + digits, "sha256:" + digits + "a", "sha256:" + digits.substr(1),
        "SHA256:" + digits, std::string("sha256:"), "sha256:" + std::string(64, 'g')}) {
    EXPECT_FALSE(parse_key_hash(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace claviger::identity
