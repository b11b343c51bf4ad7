// SPDX-License-Identifier: Apache-2.0
#include "vault/passphrase.h"

#include <gtest/gtest.h>

#include "crypto/testing/routed_arena.h"

namespace claviger::vault {
namespace {

base::SecretArena& arena = crypto::testing::routed_arena();
constexpr std::string_view kSalt = "AAECAwQFBgcICQoLDA0ODw==";

std::string recipe_text(std::string_view cost) {
  return "clv-passphrase-1:argon2id:" + std::string(cost) + ":" + std::string(kSalt);
}

TEST(PassphraseTest, MakesTheSameKeyOfTheSameWordsAndRecipeAlone) {
  const PassphraseRecipe recipe = *PassphraseRecipe::parse(recipe_text("m=16384,t=3,p=1"));
  const MasterKey key = *derive_master_key("fake-passphrase-of-a-test", recipe, arena);
  EXPECT_TRUE(arena.contains(key.reveal().data()));
  EXPECT_EQ(derive_master_key("fake-passphrase-of-a-test", recipe, arena)->id(), key.id());
  EXPECT_NE(derive_master_key("fake-passphrase-of-a-Test", recipe, arena)->id(), key.id());
  PassphraseRecipe other = recipe;
  other.salt[0] ^= std::byte{1};
  EXPECT_NE(derive_master_key("fake-passphrase-of-a-test", other, arena)->id(), key.id());
}

TEST(PassphraseTest, ARecipeReadsAsItWasWritten) {
  const PassphraseRecipe drawn = PassphraseRecipe::draw();
  EXPECT_NE(drawn.salt, PassphraseRecipe::draw().salt);
  EXPECT_TRUE(drawn.text().starts_with("clv-passphrase-1:argon2id:m=65536,t=3,p=4:"));
  const auto read = PassphraseRecipe::parse(drawn.text());
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->salt, drawn.salt);
  EXPECT_EQ(read->cost, drawn.cost);
}

TEST(PassphraseTest, TakesNoRecipeThatIsCheapOrEndlessOrBroken) {
  for (const char* cost : {"m=16383,t=3,p=4", "m=16384,t=2,p=4", "m=4194305,t=3,p=4", "m=65536,t=0,p=4",
                           "m=65536,t=65,p=4", "m=65536,t=3,p=0", "m=65536,t=3,p=65", "m=65536,t=3",
                           "m=,t=3,p=4", "t=3,m=65536,p=4", "m=65536,t=3,p=4,x=1", "m=0x10000,t=3,p=4"})
    EXPECT_FALSE(PassphraseRecipe::parse(recipe_text(cost)).has_value()) << cost;
  const std::string good = recipe_text("m=65536,t=3,p=4");
  ASSERT_TRUE(PassphraseRecipe::parse(good).has_value());
  EXPECT_TRUE(PassphraseRecipe::parse(recipe_text("m=65536,t=1,p=1")).has_value());
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(PassphraseRecipe::parse(good.substr(0, size)).has_value()) << size;
  EXPECT_FALSE(PassphraseRecipe::parse(good + "A").has_value());
  EXPECT_FALSE(PassphraseRecipe::parse(good + "\n").has_value());
}

TEST(PassphraseTest, RefusesWhatIsShortOrRepeated) {
  for (const char* weak :
       {"", "fake", "fifteen-letters", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abcabcabcabcabcabcabc",
        "\xc3\xa9\xc3\xa8\xc3\xaa\xc3\xab\xc3\xa0\xc3\xa2\xc3\xa4\xc3\xb4"}) {
    const auto checked = check_passphrase(weak);
    ASSERT_FALSE(checked.has_value()) << weak;
    EXPECT_TRUE(*weak == '\0' || !checked.error().what().contains(weak)) << weak;
  }
  EXPECT_TRUE(check_passphrase("six fake words of a test").has_value());
}

}  // namespace
}  // namespace claviger::vault
