// SPDX-License-Identifier: Apache-2.0
// Counts what the calls on a request's path allocate: every allocation of OpenSSL's is one of ours here.
#include <gtest/gtest.h>
#include <sanitizer/allocator_interface.h>
#include <vector>

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/testing/routed_arena.h"

namespace claviger::crypto {
namespace {

#if __has_feature(address_sanitizer)
std::size_t allocations = 0;

class Allocations : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    static const int installed = __sanitizer_install_malloc_and_free_hooks(
        [](const volatile void*, std::size_t) { ++allocations; }, [](const volatile void*) {});
    ASSERT_GT(installed, 0);
  }
  base::SecretArena& arena_ = testing::routed_arena();
};

TEST_F(Allocations, OfAnOpenAreNone) {
  const std::vector key(Aead::kKeySize, std::byte{7});
  Aead aead = *Aead::create(key);
  std::vector<std::byte> plain(64);
  std::vector<std::byte> sealed(64 + Aead::kOverhead);
  aead.seal(plain, key, sealed);
  const std::size_t before = allocations;
  const std::size_t in_use = arena_.usage().in_use;
  ASSERT_TRUE(aead.open(sealed, key, plain).has_value());
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(arena_.usage().in_use, in_use);
}

TEST_F(Allocations, OfADigestAreNone) {
  Sha256 hash;
  static_cast<void>(hash.digest("warm"));
  const std::size_t before = allocations;
  static_cast<void>(hash.digest("fake-key"));
  EXPECT_EQ(allocations, before);
}
#endif

}  // namespace
}  // namespace claviger::crypto
