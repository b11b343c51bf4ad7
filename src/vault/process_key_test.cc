// SPDX-License-Identifier: Apache-2.0
#include "vault/process_key.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "crypto/openssl_memory.h"
#include "crypto/testing/routed_arena.h"

namespace claviger::vault {
namespace {

// Before anything in this binary uses OpenSSL.
base::SecretArena& arena = crypto::testing::routed_arena();

class ProcessKeyTest : public ::testing::Test {
 protected:
  static std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

  // The text, or "refused".
  static std::string open(Opener& opener, const Sealed& sealed) {
    std::string text(sealed.plain_size(), '?');
    return opener.open(sealed, std::as_writable_bytes(std::span(text))).has_value() ? text : "refused";
  }

  std::unique_ptr<ProcessKey> key_ = *ProcessKey::create(arena);
};

TEST_F(ProcessKeyTest, OpensWhatItSealedThroughEveryOpener) {
  const Sealed sealed = key_->seal(bytes_of("fake-token"), "credential/openai-main");
  EXPECT_EQ(sealed.plain_size(), 10U);
  Opener first = *key_->make_opener();
  Opener second = *key_->make_opener();
  EXPECT_EQ(open(first, sealed), "fake-token");
  EXPECT_EQ(open(second, sealed), "fake-token");
  EXPECT_EQ(open(first, sealed), "fake-token");
}

TEST_F(ProcessKeyTest, OpensNothingThatIsBoundToSomethingElse) {
  Sealed sealed = key_->seal(bytes_of("fake-token"), "openai-main https://api.example.com");
  const Sealed other = key_->seal(bytes_of("fake-other"), "openai-main https://api.example.net");
  sealed.associated = other.associated;
  Opener opener = *key_->make_opener();
  EXPECT_EQ(open(opener, sealed), "refused");
  EXPECT_EQ(open(opener, other), "fake-other");
}

TEST_F(ProcessKeyTest, OpensNothingOfAnotherProcessKey) {
  const auto other = *ProcessKey::create(arena);
  Opener opener = *other->make_opener();
  EXPECT_EQ(open(opener, key_->seal(bytes_of("fake-token"), "x")), "refused");
}

TEST_F(ProcessKeyTest, OpensNothingThatWasAltered) {
  Sealed sealed = key_->seal(bytes_of("fake-token"), "x");
  sealed.bytes.back() ^= std::byte{1};
  Opener opener = *key_->make_opener();
  EXPECT_EQ(open(opener, sealed), "refused");
}

TEST_F(ProcessKeyTest, SealsDifferentlyEachTimeAndShowsNothing) {
  std::set<std::vector<std::byte>> seen;
  for (int round = 0; round < 100; ++round) {
    const Sealed sealed = key_->seal(bytes_of("fake-token"), "x");
    EXPECT_TRUE(std::ranges::search(sealed.bytes, bytes_of("fake-token")).empty());
    EXPECT_TRUE(seen.insert(sealed.bytes).second);
  }
}

TEST_F(ProcessKeyTest, SealsAnEmptySecret) {
  const Sealed sealed = key_->seal({}, "x");
  EXPECT_EQ(sealed.plain_size(), 0U);
  Opener opener = *key_->make_opener();
  EXPECT_EQ(open(opener, sealed), "");
}

TEST_F(ProcessKeyTest, KeepsItselfAndItsOpenersInTheArenaAndGivesThemBack) {
  EXPECT_EQ(&key_->arena(), &arena);
  key_.reset();
  const std::uint64_t overflows = crypto::openssl_memory().arena_overflows;
  const std::size_t without = arena.usage().in_use;
  key_ = *ProcessKey::create(arena);
  const std::size_t with_key = arena.usage().in_use;
  EXPECT_GE(with_key, without + crypto::Aead::kKeySize + 2 * 240);  // the key and two schedules
  {
    const Opener opener = *key_->make_opener();
    EXPECT_GE(arena.usage().in_use, with_key + 2 * 240);
  }
  EXPECT_EQ(arena.usage().in_use, with_key);
  key_.reset();
  EXPECT_EQ(arena.usage().in_use, without);
  EXPECT_EQ(crypto::openssl_memory().arena_overflows, overflows);
}

TEST_F(ProcessKeyTest, SaysThatSecretMemoryIsSpent) {
  const auto small =
      *base::SecretArena::create({.memory = base::SecretArena::Memory::kLocked, .limit = 64 << 10});
  while (small->allocate(32) != nullptr) {
  }
  const auto made = ProcessKey::create(*small);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace claviger::vault
