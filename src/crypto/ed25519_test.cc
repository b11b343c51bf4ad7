// SPDX-License-Identifier: Apache-2.0
#include "crypto/ed25519.h"

#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/parse.h"
#include "base/secret_bytes.h"
#include "crypto/openssl_memory.h"
#include "crypto/random.h"
#include "crypto/testing/memory_scan.h"
#include "crypto/testing/routed_arena.h"

namespace claviger::crypto {
namespace {

base::SecretArena& arena = testing::routed_arena();

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  EXPECT_TRUE(base::parse_hex(hex, bytes).has_value());
  return bytes;
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

Ed25519Signer signer_of(std::string_view seed) { return *Ed25519Signer::create(from_hex(seed)); }

constexpr std::string_view kSeed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

struct Vector {
  std::string_view seed, key, message, signature;
};

// RFC 8032, section 7.1: TEST 1, 2, 3 and SHA(abc).
constexpr Vector kVectors[] = {
    {kSeed, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
     "4a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
     "454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
     "3dca179c138ac17ad9bef1177331a704"},
};

TEST(Ed25519, AgreesWithRfc8032) {
  for (const Vector& vector : kVectors) {
    Ed25519Signer signer = signer_of(vector.seed);
    const std::vector<std::byte> message = from_hex(vector.message);
    EXPECT_EQ(base::format_hex(signer.public_key()), vector.key);
    EXPECT_EQ(base::format_hex(signer.sign(message)), vector.signature);
    EXPECT_TRUE(verify_ed25519(signer.public_key(), message, signer.sign(message)));
  }
}

TEST(Ed25519, RefusesAnotherMessageKeyOrSignature) {
  Ed25519Signer signer = signer_of(kSeed);
  Ed25519Signature signature = signer.sign(bytes_of("checkpoint"));
  EXPECT_TRUE(verify_ed25519(signer.public_key(), bytes_of("checkpoint"), signature));
  EXPECT_FALSE(verify_ed25519(signer.public_key(), bytes_of("checkpoinT"), signature));
  EXPECT_FALSE(verify_ed25519(signer.public_key(), {}, signature));
  EXPECT_FALSE(verify_ed25519(signer_of(kVectors[1].seed).public_key(), bytes_of("checkpoint"), signature));
  for (std::byte& octet : signature) {
    octet ^= std::byte{1};
    EXPECT_FALSE(verify_ed25519(signer.public_key(), bytes_of("checkpoint"), signature));
    octet ^= std::byte{1};
  }
}

// RFC 8032 section 5.1.7: S and S + L would verify alike if nobody looked, and one checkpoint had two signatures.
TEST(Ed25519, RefusesASignatureWhoseScalarIsNotReduced) {
  constexpr std::string_view kOrder = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
  Ed25519Signer signer = signer_of(kSeed);
  Ed25519Signature signature = signer.sign(bytes_of("checkpoint"));
  const std::vector<std::byte> order = from_hex(kOrder);
  unsigned carry = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    carry += std::to_integer<unsigned>(signature[32 + i]) + std::to_integer<unsigned>(order[i]);
    signature[32 + i] = static_cast<std::byte>(carry & 0xff);
    carry >>= 8;
  }
  ASSERT_EQ(carry, 0U);
  EXPECT_FALSE(verify_ed25519(signer.public_key(), bytes_of("checkpoint"), signature));
}

TEST(Ed25519, RefusesAKeyThatIsNoPoint) {
  const Ed25519Signature signature = signer_of(kSeed).sign({});
  for (const unsigned fill : {0x02U, 0xffU}) {
    Ed25519PublicKey key;
    key.fill(static_cast<std::byte>(fill));
    EXPECT_FALSE(verify_ed25519(key, {}, signature));
  }
}

TEST(Ed25519, SignsOnAfterItWasMoved) {
  Ed25519Signer signer = signer_of(kSeed);
  const Ed25519Signature before = signer.sign(bytes_of("checkpoint"));
  Ed25519Signer moved = std::move(signer);
  EXPECT_EQ(moved.sign(bytes_of("checkpoint")), before);
}

TEST(Ed25519DeathTest, TakesNoSeedOfAnotherSize) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(static_cast<void>(Ed25519Signer::create(bytes_of("short"))), "broken invariant");
}

// Where a search string occurs outside the arena.
std::size_t count_outside(std::span<const std::byte> inverted) {
  return static_cast<std::size_t>(std::ranges::count_if(
      testing::MemoryScan().find(inverted),
      [](std::uintptr_t address) { return !arena.contains(reinterpret_cast<const void*>(address)); }));
}

// A seed nobody else knows, and the halves of its SHA-512 that it signs with (RFC 8032 section 5.1.5).
struct Traces {
  base::SecretBytes seed = *base::SecretBytes::allocate(arena, Ed25519Signer::kSeedSize);
  std::vector<std::vector<std::byte>> inverted;

  Traces() {
    random_secret(seed.reveal());
    inverted.push_back(testing::inverted(seed.reveal()));
    base::SecretBytes derived = *base::SecretBytes::allocate(arena, SHA512_DIGEST_LENGTH);
    ::SHA512(reinterpret_cast<const unsigned char*>(seed.reveal().data()), seed.size(),
             reinterpret_cast<unsigned char*>(derived.reveal().data()));
    derived.reveal()[0] &= std::byte{248};
    derived.reveal()[31] &= std::byte{127};
    derived.reveal()[31] |= std::byte{64};
    inverted.push_back(testing::inverted(derived.reveal().first(32)));
    inverted.push_back(testing::inverted(derived.reveal().last(32)));
  }
};

// What this file's own computing left on the stack.
[[gnu::noinline]] void wipe_own_frames() {
  std::array<std::byte, 65536> frames;
  base::wipe(frames.data(), frames.size());
}

TEST(Ed25519, LeavesNoTraceOfItsKeyOutsideTheArena) {
  const Traces traces;
  wipe_own_frames();
  const std::uint64_t overflows = openssl_memory().arena_overflows;
  const auto outside = [&] {
    std::size_t count = 0;
    for (const auto& trace : traces.inverted) count += count_outside(trace);
    return count;
  };
  ASSERT_EQ(outside(), 0U);
  {
    Ed25519Signer signer = *Ed25519Signer::create(traces.seed.reveal());
    EXPECT_EQ(outside(), 0U) << "after it was made";
    static_cast<void>(signer.sign(bytes_of("checkpoint")));
    EXPECT_EQ(outside(), 0U) << "after it signed";
    EXPECT_GE(testing::MemoryScan().find(traces.inverted[0]).size(),
              2U);  // finds the signer's own: the scan sees
  }
  EXPECT_EQ(outside(), 0U) << "when it is gone";
  EXPECT_EQ(openssl_memory().arena_overflows, overflows);
}

TEST(Ed25519, GivesBackWhatItTookOfTheArena) {
  static_cast<void>(signer_of(kSeed).sign(bytes_of("checkpoint")));
  const std::size_t before = arena.usage().in_use;
  for (int round = 0; round < 50; ++round) static_cast<void>(signer_of(kSeed).sign(bytes_of("checkpoint")));
  EXPECT_EQ(arena.usage().in_use, before);
}

// Takes all of the arena for a while.
struct Spent {
  std::vector<void*> blocks;
  Spent() {
    for (const std::size_t size : {std::size_t{1} << 20, std::size_t{4096}, std::size_t{16}}) {
      while (void* const block = arena.allocate(size)) blocks.push_back(block);
    }
  }
  ~Spent() {
    for (void* const block : blocks) arena.release(block);
  }
};

TEST(Ed25519, SaysThatSecretMemoryIsSpentAndSignsOnAllTheSame) {
  Ed25519Signer signer = signer_of(kSeed);
  const Ed25519Signature before = signer.sign(bytes_of("checkpoint"));
  const std::vector<std::byte> seed = from_hex(kSeed);
  Ed25519Signature during;
  {
    const Spent spent;
    const auto refused = Ed25519Signer::create(seed);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), Code::kUnavailable);
    during = signer.sign(bytes_of("checkpoint"));
  }
  EXPECT_EQ(during, before);
}

}  // namespace
}  // namespace claviger::crypto
