// SPDX-License-Identifier: Apache-2.0
#include "crypto/aead.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <string>
#include <vector>

#include "base/parse.h"
#include "crypto/openssl_memory.h"
#include "crypto/testing/routed_arena.h"

namespace claviger::crypto {
namespace {

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  EXPECT_TRUE(base::parse_hex(hex, bytes).has_value());
  return bytes;
}

struct Vector {
  std::string key, nonce, plain, associated, cipher_text, tag;
};

// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B: cases 13 to 16, AES-256 with a
// nonce of 96 bits.
const std::vector<Vector>& published() {
  static const std::string zero_key(64, '0');
  static const std::string key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
  static const std::string text =
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aed"
      "f5aa0de657"
      "ba637b391aafd255";
  static const std::string cipher_text =
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e"
      "6393ba7a0a"
      "bcc9f662898015ad";
  static const std::vector<Vector> vectors{
      {zero_key, std::string(24, '0'), "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
      {zero_key, std::string(24, '0'), std::string(32, '0'), "", "cea7403d4d606b6e074ec5d3baf39d18",
       "d0d1c8a799996bf0265b98b5d48ab919"},
      {key, "cafebabefacedbaddecaf888", text, "", cipher_text, "b094dac5d93471bdec1a502270e3cc6c"},
      {key, "cafebabefacedbaddecaf888", text.substr(0, 120), "feedfacedeadbeeffeedfacedeadbeefabaddad2",
       cipher_text.substr(0, 120), "76fc6ece0f4e1768cddf8853bb2d551b"},
  };
  return vectors;
}

TEST(Aead, SealsAndOpensThePublishedVectors) {
  for (const Vector& vector : published()) {
    Aead aead = *Aead::create(from_hex(vector.key));
    const auto nonce = from_hex(vector.nonce);
    const auto plain = from_hex(vector.plain);
    std::vector<std::byte> sealed(plain.size() + Aead::kOverhead);
    aead.seal_with_nonce(std::span(nonce).first<Aead::kNonceSize>(), plain, from_hex(vector.associated),
                         sealed);
    EXPECT_EQ(base::format_hex(sealed), vector.nonce + vector.cipher_text + vector.tag);

    std::vector<std::byte> opened(plain.size());
    ASSERT_TRUE(aead.open(sealed, from_hex(vector.associated), opened).has_value());
    EXPECT_EQ(opened, plain);
  }
}

class AeadTest : public ::testing::Test {
 protected:
  static std::vector<std::byte> key() { return std::vector(Aead::kKeySize, std::byte{7}); }
  static std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

  std::vector<std::byte> seal(std::string_view text, std::string_view associated) {
    std::vector<std::byte> sealed(text.size() + Aead::kOverhead);
    aead_.seal(bytes_of(text), bytes_of(associated), sealed);
    return sealed;
  }

  // The text, or "refused".
  std::string open(const std::vector<std::byte>& sealed, std::string_view associated) {
    std::string text(sealed.size() - Aead::kOverhead, '?');
    const auto opened = aead_.open(sealed, bytes_of(associated), std::as_writable_bytes(std::span(text)));
    if (opened.has_value()) return text;
    EXPECT_EQ(opened.error().code(), Code::kInternal);
    EXPECT_EQ(opened.error().blame(), Blame::kGateway);
    EXPECT_EQ(text, std::string(text.size(), '\0')) << "unauthenticated plaintext was left behind";
    return "refused";
  }

  base::SecretArena& arena_ = testing::routed_arena();
  Aead aead_ = *Aead::create(key());
};

TEST_F(AeadTest, OpensWhatItSealed) {
  for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 64U, 1000U, 65536U}) {
    const std::string text(size, 'x');
    EXPECT_EQ(open(seal(text, "credential/openai"), "credential/openai"), text);
  }
}

TEST_F(AeadTest, DrawsANewNonceForEachSeal) {
  const auto first = seal("fake-token", "");
  const auto second = seal("fake-token", "");
  EXPECT_FALSE(std::equal(first.begin(), first.begin() + Aead::kNonceSize, second.begin()));
  EXPECT_NE(first, second);
}

TEST_F(AeadTest, RefusesAnyAlteredByteAndWipesTheRest) {
  const auto sealed = seal("fake-token-of-32-bytes-or-so-okay", "bound");
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    auto altered = sealed;
    altered[at] ^= std::byte{0x80};
    EXPECT_EQ(open(altered, "bound"), "refused") << at;
  }
  EXPECT_EQ(open(sealed, "bound"), "fake-token-of-32-bytes-or-so-okay");  // the context survives refusals
}

TEST_F(AeadTest, RefusesOtherAssociatedData) {
  const auto sealed = seal("fake-token", "https://api.example.com");
  EXPECT_EQ(open(sealed, "https://api.example.net"), "refused");
  EXPECT_EQ(open(sealed, ""), "refused");
  EXPECT_EQ(open(seal("fake-token", ""), "x"), "refused");
}

TEST_F(AeadTest, RefusesAnotherKey) {
  const auto sealed = seal("fake-token", "");
  aead_ = *Aead::create(std::vector(Aead::kKeySize, std::byte{8}));
  EXPECT_EQ(open(sealed, ""), "refused");
}

TEST_F(AeadTest, KeepsItsKeyWhenMoved) {
  const auto sealed = seal("fake-token", "");
  Aead moved = std::move(aead_);
  std::vector<std::byte> plain(10);
  EXPECT_TRUE(moved.open(sealed, {}, plain).has_value());
}

// What a context costs is taken from the arena once, and given back.
TEST_F(AeadTest, TakesNothingMoreFromTheArenaWhenUsed) {
  static_cast<void>(seal("fake-token", ""));  // from the first nonce on, the arena holds a DRBG's key too
  const std::size_t before = arena_.usage().in_use;
  {
    Aead other = *Aead::create(key());
    const std::size_t kept = arena_.usage().in_use;
    EXPECT_GT(kept, before);
    std::vector<std::byte> sealed(10 + Aead::kOverhead);
    other.seal(bytes_of("fake-token"), {}, sealed);
    EXPECT_EQ(arena_.usage().in_use, kept);
  }
  EXPECT_EQ(arena_.usage().in_use, before);
}

TEST(AeadDeathTest, InsistsOnSizesThatFit) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  std::vector<std::byte> bytes(40);
  EXPECT_DEATH(static_cast<void>(Aead::create(std::span(bytes).first(31))), "broken invariant");
  EXPECT_DEATH(
      {
        Aead aead = *Aead::create(std::span(bytes).first(32));
        static_cast<void>(aead.open(bytes, {}, std::span(bytes).first(13)));
      },
      "broken invariant");
}

}  // namespace
}  // namespace claviger::crypto
