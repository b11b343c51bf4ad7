// SPDX-License-Identifier: Apache-2.0
#include "crypto/hash.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/parse.h"

namespace claviger::crypto {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  EXPECT_TRUE(base::parse_hex(hex, bytes).has_value());
  return bytes;
}

// `size` bytes from `first` upwards.
std::vector<std::byte> counting(unsigned first, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(first + i);
  return bytes;
}

std::string sha256(std::string_view text) { return base::format_hex(Sha256().digest(text)); }

// FIPS 180-4, NIST's examples.
TEST(Sha256, AgreesWithThePublishedDigests) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrl"
                   "mnopqrsmnopqrst"
                   "nopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, BeginsAnewWithEachDigest) {
  Sha256 hash;
  const Sha256Digest first = hash.digest("abc");
  static_cast<void>(hash.digest("something else"));
  EXPECT_EQ(hash.digest("abc"), first);
  Sha256 moved = std::move(hash);
  EXPECT_EQ(moved.digest("abc"), first);
}

TEST(Sha256, TellsListsOfPartsApart) {
  Sha256 hash;
  const auto digest = [&](std::vector<std::string_view> parts) { return hash.digest_parts(parts); };
  EXPECT_NE(digest({"ab", "c"}), digest({"a", "bc"}));
  EXPECT_NE(digest({"ab", ""}), digest({"ab"}));
  EXPECT_NE(digest({""}), digest({}));
  EXPECT_EQ(digest({}), hash.digest(""));
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(digest({"ab", "c"}), hash.digest("\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\1c"sv));
}

TEST(EqualConstantTime, ComparesSizeAndEveryByte) {
  EXPECT_TRUE(equal_constant_time({}, {}));
  EXPECT_TRUE(equal_constant_time(bytes_of("same"), bytes_of("same")));
  EXPECT_FALSE(equal_constant_time(bytes_of("same"), bytes_of("samf")));
  EXPECT_FALSE(equal_constant_time(bytes_of("same"), bytes_of("tame")));
  EXPECT_FALSE(equal_constant_time(bytes_of("same"), bytes_of("sam")));
  EXPECT_FALSE(equal_constant_time(bytes_of(""), bytes_of("x")));
}

std::string hmac(std::span<const std::byte> key, std::span<const std::byte> data) {
  return base::format_hex(hmac_sha256(key, data));
}

// RFC 4231, section 4. (Case 5 is a truncation.)
TEST(HmacSha256, AgreesWithRfc4231) {
  EXPECT_EQ(hmac(std::vector(20, std::byte{0x0b}), bytes_of("Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hmac(bytes_of("Jefe"), bytes_of("what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac(std::vector(20, std::byte{0xaa}), std::vector(50, std::byte{0xdd})),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(hmac(counting(1, 25), std::vector(50, std::byte{0xcd})),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  EXPECT_EQ(hmac(std::vector(131, std::byte{0xaa}),
                 bytes_of("Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(
      hmac(std::vector(131, std::byte{0xaa}),
           bytes_of(
               "This is a test using a larger than block-size key and a larger than block-size data. The key "
               "needs to be hashed before being used by the HMAC algorithm.")),
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

// RFC 4231 again, and more than once.
TEST(HmacSha256, KeepsItsKey) {
  const std::vector long_key(131, std::byte{0xaa});
  HmacSha256 kept = *HmacSha256::create(bytes_of("Jefe"));
  HmacSha256 other = *HmacSha256::create(long_key);
  HmacSha256 keyless = *HmacSha256::create({});
  for (int round = 0; round < 3; ++round) {
    for (const std::string_view data : {"what do ya want for nothing?", "", "x"}) {
      EXPECT_EQ(kept.mac(bytes_of(data)), hmac_sha256(bytes_of("Jefe"), bytes_of(data)));
      EXPECT_EQ(other.mac(bytes_of(data)), hmac_sha256(long_key, bytes_of(data)));
      EXPECT_EQ(keyless.mac(bytes_of(data)), hmac_sha256({}, bytes_of(data)));
    }
  }
  HmacSha256 moved = std::move(kept);
  EXPECT_EQ(base::format_hex(moved.mac(bytes_of("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(HmacSha256, TellsListsOfPartsApart) {
  HmacSha256 kept = *HmacSha256::create(bytes_of("key"));
  const auto mac = [&](std::vector<std::string_view> parts) { return kept.mac_parts(parts); };
  EXPECT_NE(mac({"ab", "c"}), mac({"a", "bc"}));
  EXPECT_NE(mac({"ab", ""}), mac({"ab"}));
  EXPECT_NE(mac({""}), mac({}));
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(mac({"ab", "c"}), kept.mac(bytes_of("\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\1c"sv)));
}

TEST(HmacSha256, TakesAnEmptyKeyAndNoData) {
  EXPECT_EQ(hmac({}, {}), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

std::string hkdf(std::span<const std::byte> key, std::span<const std::byte> salt, std::string_view info,
                 std::size_t size) {
  std::vector<std::byte> out(size);
  hkdf_sha256(key, salt, info, out);
  return base::format_hex(out);
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// RFC 5869, appendix A.
TEST(HkdfSha256, AgreesWithRfc5869) {
  const std::vector key(22, std::byte{0x0b});
  EXPECT_EQ(hkdf(key, counting(0, 13), text_of(counting(0xf0, 10)), 42),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(hkdf(counting(0, 80), counting(0x60, 80), text_of(counting(0xb0, 80)), 82),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
            "da3275600c2f"
            "09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
  EXPECT_EQ(hkdf(key, {}, "", 42),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(HkdfSha256, ReachesItsLongestOutputAndTakesNone) {
  EXPECT_EQ(hkdf(from_hex("0b"), {}, "x", 255 * 32).size(), 2U * 255 * 32);
  EXPECT_EQ(hkdf(from_hex("0b"), {}, "x", 0), "");
}

TEST(HkdfSha256DeathTest, RefusesMoreThanItsLongestOutput) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  std::vector<std::byte> out(255 * 32 + 1);
  EXPECT_DEATH(hkdf_sha256(bytes_of("k"), {}, "", out), "broken invariant");
}

}  // namespace
}  // namespace claviger::crypto
