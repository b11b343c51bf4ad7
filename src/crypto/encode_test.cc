// SPDX-License-Identifier: Apache-2.0
#include "crypto/encode.h"

#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

namespace claviger::crypto {
namespace {

using std::string_view_literals::operator""sv;

std::string encode(std::string_view data) {
  std::string text(base64_size(data.size()), '?');
  base64_encode(std::as_bytes(std::span(data)), text);
  return text;
}

std::string decode(std::string_view text) {
  std::string data(text.size() / 4 * 3, '?');
  const Decoded decoded = base64_decode(text, std::as_writable_bytes(std::span(data)));
  if (!decoded.valid) return "refused";
  data.resize(decoded.size);
  return data;
}

// RFC 4648, section 10.
TEST(Base64, AgreesWithRfc4648) {
  const std::vector<std::pair<std::string, std::string>> vectors{
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [data, text] : vectors) {
    EXPECT_EQ(encode(data), text);
    EXPECT_EQ(decode(text), data);
  }
}

TEST(Base64, UsesTheWholeAlphabetInOrder) {
  std::string data;
  for (unsigned group = 0; group < 64; group += 4) {
    const unsigned bits = group << 18 | (group + 1) << 12 | (group + 2) << 6 | (group + 3);
    data +=
        {static_cast<char>(bits >> 16), static_cast<char>(bits >> 8 & 255), static_cast<char>(bits & 255)};
  }
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  EXPECT_EQ(encode(data), kAlphabet);
  EXPECT_EQ(decode(kAlphabet), data);
}

TEST(Base64, ReadsBackWhatItWrote) {
  std::mt19937 random(4648);
  for (std::size_t size = 0; size < 300; ++size) {
    std::string data(size, '\0');
    for (char& c : data) c = static_cast<char>(random() & 255);
    EXPECT_EQ(decode(encode(data)), data);
  }
}

TEST(Base64, TakesEveryCharacterForWhatItIs) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int c = 0; c < 256; ++c) {
    const std::string text{'A', 'A', static_cast<char>(c), 'A'};
    const bool belongs = kAlphabet.find(static_cast<char>(c)) != std::string_view::npos;
    EXPECT_EQ(decode(text) != "refused", belongs) << c;
  }
}

TEST(Base64, RefusesAnythingButTheOneRightForm) {
  for (const std::string_view text : {"Z"sv,
                                      "Zg"sv,
                                      "Zg="sv,
                                      "Zg==="sv,
                                      "Zg==\n"sv,
                                      " Zg=="sv,
                                      "Z g="sv,
                                      "Zm9v "sv,
                                      "Zm9v\r\n"sv,
                                      "===="sv,
                                      "Z==="sv,
                                      "=Zg="sv,
                                      "Zg=="
                                      "Zg=="sv,
                                      "Zg=v"sv,
                                      "Zm9-"sv,
                                      "Zm9_"sv,
                                      "Zm\0v"sv,
                                      "Zh=="sv,
                                      "Zm9="sv,
                                      "Zm8=Zm8="sv,
                                      "\xff\xff\xff\xff"sv}) {
    EXPECT_EQ(decode(text), "refused") << text;
  }
}

TEST(Base64, LeavesNothingOfWhatItRefused) {
  std::string out(6, '?');
  EXPECT_FALSE(base64_decode("Zm9vYm!y", std::as_writable_bytes(std::span(out))).valid);
  EXPECT_EQ(out, std::string(6, '\0'));
}

TEST(Crc32, AgreesWithTheCheckValue) {
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog"), 0x414fa339U);
}

TEST(Crc32, SeesEverySingleBitFlip) {
  const std::string text = "clv_notareal_fake-secret-of-a-caller";
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string altered = text;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ 1 << bit % 8);
    EXPECT_NE(crc32(altered), crc32(text));
  }
}

// Bit by bit, as it is defined.
unsigned slow_crc32(std::string_view text) {
  std::uint32_t crc = ~0U;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
  }
  return ~crc;
}

TEST(Crc32, OfAnyLengthIsWhatItIsBitByBit) {
  std::string text;
  for (int size = 0; size < 100; ++size) {
    EXPECT_EQ(crc32(text), slow_crc32(text)) << size;
    text += static_cast<char>(size * 37);
  }
}

}  // namespace
}  // namespace claviger::crypto
