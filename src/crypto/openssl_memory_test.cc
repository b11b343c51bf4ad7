// SPDX-License-Identifier: Apache-2.0
#include "crypto/openssl_memory.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <algorithm>
#include <cstring>
#include <vector>

#include <thread>

#include "base/secret_bytes.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "crypto/testing/aes_schedule.h"
#include "crypto/testing/memory_scan.h"
#include "crypto/testing/routed_arena.h"
#include "crypto/testing/tls_pair.h"

namespace claviger::crypto {
namespace {

using testing::MemoryScan;

// Before main, and so before OpenSSL allocates anything.
base::SecretArena& arena = testing::routed_arena();

constexpr const char* kCipherFile = "../providers/implementations/ciphers/cipher_fake.c";
constexpr const char* kMacFile = "../providers/implementations/macs/fake_prov.c";
constexpr const char* kOtherFile = "../crypto/x509/x509_fake.c";
constexpr const char* kRecordFile = "../ssl/record/ssl3_buffer.c";

bool in_arena(std::uintptr_t address) { return arena.contains(reinterpret_cast<const void*>(address)); }

struct Hits {
  std::size_t inside = 0;
  std::size_t outside = 0;
};

Hits count_hits(std::span<const std::byte> inverted) {
  Hits hits;
  for (const std::uintptr_t address : MemoryScan().find(inverted))
    ++(in_arena(address) ? hits.inside : hits.outside);
  return hits;
}

// A random key in the arena, and its complement to search by.
struct KnownKey {
  base::SecretBytes key = *base::SecretBytes::allocate(arena, Aead::kKeySize);
  std::vector<std::byte> inverted_key;
  std::vector<std::byte> inverted_schedule;

  KnownKey() {
    random_secret(key.reveal());
    inverted_key = testing::inverted(key.reveal());
    base::SecretBytes schedule = *base::SecretBytes::allocate(arena, testing::kAes256ScheduleSize);
    testing::expand_aes_key(key.reveal(), schedule.reveal());
    inverted_schedule = testing::inverted(schedule.reveal());
  }
};

TEST(OpensslMemory, CanBeRoutedOnlyOnce) {
  const auto again = route_openssl_memory(arena);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code(), Code::kInternal);
}

TEST(OpensslMemory, PutsKeysInTheArenaAndTheRestOnTheHeap) {
  for (const char* const file :
       {kCipherFile, kMacFile, "../providers/implementations/kdfs/fake.c",
        "../providers/implementations/rands/drbg_fake.c", "../crypto/ec/ecx_key.c", "../crypto/params.c"}) {
    void* const block = ::CRYPTO_malloc(100, file, 1);
    EXPECT_TRUE(arena.contains(block)) << file;
    ::CRYPTO_free(block, file, 2);
  }
  void* const block = ::CRYPTO_malloc(100, kOtherFile, 1);
  EXPECT_FALSE(arena.contains(block));
  ::CRYPTO_free(block, kOtherFile, 2);
}

TEST(OpensslMemory, PutsEverythingInTheArenaWhileAScopeLives) {
  const auto lands_in_arena = [] {
    void* const block = ::CRYPTO_malloc(100, kOtherFile, 1);
    const bool inside = arena.contains(block);
    ::CRYPTO_free(block, kOtherFile, 2);
    return inside;
  };
  {
    const ArenaScope outer;
    {
      const ArenaScope inner;
    }
    EXPECT_TRUE(lands_in_arena());
    std::jthread([&] { EXPECT_FALSE(lands_in_arena()); });  // another thread's scope is its own
  }
  EXPECT_FALSE(lands_in_arena());
}

TEST(OpensslMemory, WipesWhatIsFreed) {
  const KnownKey known;
  for (const char* const file : {kCipherFile, kOtherFile}) {
    const Hits before = count_hits(known.inverted_key);
    void* const block = ::CRYPTO_malloc(64, file, 1);
    std::memcpy(block, known.key.reveal().data(), 32);
    EXPECT_EQ(count_hits(known.inverted_key).inside + count_hits(known.inverted_key).outside,
              before.inside + before.outside + 1);
    ::CRYPTO_free(block, file, 2);
    const Hits after = count_hits(known.inverted_key);
    EXPECT_EQ(after.inside, before.inside) << file;
    EXPECT_EQ(after.outside, before.outside) << file;
  }
}

TEST(OpensslMemory, LeavesRecordBuffersToTheirOwner) {
  const KnownKey known;
  void* const block = ::CRYPTO_malloc(16384, kRecordFile, 1);
  EXPECT_FALSE(arena.contains(block));
  std::memcpy(static_cast<std::byte*>(block) + 4096, known.key.reveal().data(), 32);
  ::CRYPTO_free(block, kRecordFile, 2);
  // Not wiped, which is what the scan is here to see; AddressSanitizer keeps freed memory as it was.
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
  EXPECT_EQ(count_hits(known.inverted_key).outside, 1U);
#endif
}

TEST(OpensslMemory, WipesTheOldBlockAndTheTailWhenItReallocates) {
  for (const char* const file : {kCipherFile, kOtherFile}) {
    const KnownKey known;
    auto* block = static_cast<std::byte*>(::CRYPTO_malloc(64, file, 1));
    std::memcpy(block + 32, known.key.reveal().data(), 32);
    const Hits before = count_hits(known.inverted_key);
    block = static_cast<std::byte*>(::CRYPTO_realloc(block, 5000, file, 2));
    EXPECT_EQ(arena.contains(block), file == kCipherFile);
    EXPECT_TRUE(std::ranges::equal(std::span(block + 32, 32), known.key.reveal()));
    EXPECT_EQ(count_hits(known.inverted_key).inside, before.inside) << file;
    EXPECT_EQ(count_hits(known.inverted_key).outside, before.outside) << file;
    block = static_cast<std::byte*>(::CRYPTO_realloc(block, 32, file, 3));
    EXPECT_EQ(count_hits(known.inverted_key).inside, 1U) << file;
    EXPECT_EQ(count_hits(known.inverted_key).outside, 0U) << file;
    ::CRYPTO_free(block, file, 4);
  }
}

TEST(OpensslMemory, KeepsABlockInTheArenaThroughReallocationElsewhere) {
  void* block = ::CRYPTO_malloc(64, kCipherFile, 1);
  block = ::CRYPTO_realloc(block, 4096, kOtherFile, 2);
  EXPECT_TRUE(arena.contains(block));
  EXPECT_EQ(::CRYPTO_realloc(block, 0, kOtherFile, 3), nullptr);
  block = ::CRYPTO_realloc(nullptr, 64, kCipherFile, 4);
  EXPECT_TRUE(arena.contains(block));
  ::CRYPTO_free(block, kCipherFile, 5);
  EXPECT_EQ(::CRYPTO_malloc(0, kCipherFile, 6), nullptr);
}

TEST(OpensslMemory, FindsACanaryOnTheHeap) {
  const KnownKey known;
  const std::vector<std::byte> canary(known.key.reveal().begin(), known.key.reveal().end());
  EXPECT_EQ(count_hits(known.inverted_key).outside, 1U);
  EXPECT_EQ(canary.size(), 32U);

  const std::size_t before = MemoryScan().find_aes_schedules().size();
  std::vector<std::byte> schedule(testing::kAes256ScheduleSize);
  testing::expand_aes_key(canary, schedule);
  EXPECT_EQ(MemoryScan().find_aes_schedules().size(), before + 1);
  // Freed memory may keep what it held.
  base::wipe(const_cast<std::byte*>(canary.data()), canary.size());
  base::wipe(schedule.data(), schedule.size());
}

TEST(OpensslMemory, HoldsAnAeadsKeyAndScheduleInTheArenaOnly) {
  std::vector<std::byte> inverted_key;
  std::vector<std::byte> inverted_schedule;
  {
    const KnownKey known;
    Aead aead = *Aead::create(known.key.reveal());
    const std::string text = "fake-credential";
    std::vector<std::byte> sealed(text.size() + Aead::kOverhead);
    std::vector<std::byte> plain(text.size());
    aead.seal(std::as_bytes(std::span(text)), {}, sealed);
    ASSERT_TRUE(aead.open(sealed, {}, plain).has_value());

    const Hits keys = count_hits(known.inverted_key);
    EXPECT_EQ(keys.outside, 0U);
    EXPECT_GE(keys.inside, 3U);  // the key, and the head of each schedule
    const Hits schedules = count_hits(known.inverted_schedule);
    EXPECT_EQ(schedules.outside, 0U);
    EXPECT_EQ(schedules.inside, 2U);  // one to seal, one to open
    inverted_key = known.inverted_key;
    inverted_schedule = known.inverted_schedule;
  }
  const Hits left = count_hits(inverted_key);
  EXPECT_EQ(left.inside + left.outside, 0U);
  const Hits schedules_left = count_hits(inverted_schedule);
  EXPECT_EQ(schedules_left.inside + schedules_left.outside, 0U);
}

TEST(OpensslMemory, HoldsAChaChaKeyInTheArenaOnly) {
  const KnownKey known;
  EVP_CIPHER* const cipher = ::EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  EVP_CIPHER_CTX* const context = ::EVP_CIPHER_CTX_new();
  const std::array<unsigned char, 12> nonce{};
  const auto* const key = reinterpret_cast<const unsigned char*>(known.key.reveal().data());
  ASSERT_EQ(::EVP_EncryptInit_ex2(context, cipher, key, nonce.data(), nullptr), 1);
  const Hits hits = count_hits(known.inverted_key);
  EXPECT_EQ(hits.outside, 0U);
  EXPECT_GE(hits.inside, 2U);
  ::EVP_CIPHER_CTX_free(context);
  ::EVP_CIPHER_free(cipher);
}

TEST(OpensslMemory, HoldsAnEd25519KeyInTheArenaOnly) {
  const KnownKey known;
  const auto* const secret = reinterpret_cast<const unsigned char*>(known.key.reveal().data());
  EVP_PKEY* const key = ::EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret, 32);
  ASSERT_NE(key, nullptr);
  const Hits hits = count_hits(known.inverted_key);
  EXPECT_EQ(hits.outside, 0U);
  EXPECT_GE(hits.inside, 2U);
  ::EVP_PKEY_free(key);
  EXPECT_EQ(count_hits(known.inverted_key).inside, 1U);
}

class TlsKeys
    : public ::testing::TestWithParam<std::tuple<testing::TlsPair::Version, const char*, unsigned>> {};

INSTANTIATE_TEST_SUITE_P(
    OpensslMemory, TlsKeys,
    ::testing::Values(std::tuple(testing::TlsPair::Version::k13, "TLS_AES_128_GCM_SHA256", 128U),
                      std::tuple(testing::TlsPair::Version::k12, "PSK-AES256-GCM-SHA384", 256U),
                      std::tuple(testing::TlsPair::Version::k12, "PSK-AES256-CBC-SHA", 256U)));

TEST_P(TlsKeys, LieInTheArenaOnly) {
  const auto& [version, suite, bits] = GetParam();
  const auto count = [](unsigned wanted) {
    std::size_t inside = 0;
    MemoryScan scan;
    for (const MemoryScan::Schedule& schedule : scan.find_aes_schedules()) {
      EXPECT_TRUE(in_arena(schedule.address)) << schedule.bits << " bits at " << std::hex << schedule.address;
      if (schedule.bits == wanted) ++inside;
    }
    EXPECT_GT(scan.scanned(), std::size_t{1} << 20);
    return inside;
  };
  const std::uint64_t overflows = openssl_memory().arena_overflows;
  const std::size_t before = count(bits);
  {
    const testing::TlsPair pair(version, suite);
    EXPECT_EQ(pair.cipher_suite(), suite);
    EXPECT_GE(count(bits), before + 2) << "the detector no longer knows traffic keys when it sees them";
  }
  count(bits);
  EXPECT_EQ(openssl_memory().arena_overflows, overflows);
}

// Spends the arena to the last block of every size.
std::vector<void*> spend_arena() {
  std::vector<void*> blocks;
  for (std::size_t size = std::size_t{1} << 20; size >= 16;
       size = size % 3 == 0 ? size / 3 * 2 : size / 4 * 3) {
    while (void* const block = arena.allocate(size)) blocks.push_back(block);
  }
  return blocks;
}

TEST(OpensslMemory, LetsTlsGoOnWhenTheArenaIsSpentButNotClavigersOwnKeys) {
  const KnownKey known;
  const std::vector<void*> blocks = spend_arena();
  const std::uint64_t before = openssl_memory().arena_overflows;

  void* const traffic_key = ::CRYPTO_malloc(960, kCipherFile, 1);
  EXPECT_NE(traffic_key, nullptr);
  EXPECT_FALSE(arena.contains(traffic_key));
  EXPECT_EQ(openssl_memory().arena_overflows, before + 1);
  ::CRYPTO_free(traffic_key, kCipherFile, 2);

  const auto aead = Aead::create(known.key.reveal());
  for (void* const block : blocks) arena.release(block);
  ASSERT_FALSE(aead.has_value());
  EXPECT_EQ(aead.error().code(), Code::kUnavailable);
  EXPECT_EQ(aead.error().blame(), Blame::kOperator);
  EXPECT_TRUE(Aead::create(known.key.reveal()).has_value());
}

}  // namespace
}  // namespace claviger::crypto
