// SPDX-License-Identifier: Apache-2.0
#include "vault/key_holder.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/secret_bytes.h"
#include "crypto/openssl_memory.h"
#include "crypto/testing/routed_arena.h"
#include "vault/envelope.h"
#include "vault/keyring.h"
#include "vault/testing/throwaway_keys.h"

namespace claviger::vault {
namespace {

base::SecretArena& arena = crypto::testing::routed_arena();

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

class KeyHolderTest : public ::testing::Test {
 protected:
  static constexpr Binding kBinding = {
      .kind = "credential", .name = "openai-main", .id = 65537, .version = 3, .destination = "fake-digest"};

  Envelope seal(std::string_view secret, const Binding& binding = kBinding) {
    return *holder_->seal(bytes_of(secret), binding);
  }

  // The secret, or "refused" in the one way that there is.
  static std::string open(KeyHolder& holder, std::span<const std::byte> envelope,
                          const Binding& binding = kBinding) {
    const auto secret = holder.open(envelope, binding);
    if (secret.has_value()) {
      EXPECT_TRUE(secret->empty() || arena.contains(secret->reveal().data()));
      return std::string(secret->reveal_text());
    }
    EXPECT_EQ(secret.error().code(), Code::kInternal);
    EXPECT_EQ(secret.error().what(),
              "the sealed secret was altered, or belongs to something else, or to another master key");
    return "refused";
  }
  std::string open(std::span<const std::byte> envelope, const Binding& binding = kBinding) {
    return open(*holder_, envelope, binding);
  }

  testing::ThrowawayKeys keys_{arena};
  std::unique_ptr<KeyHolder> holder_ = keys_.open();
};

TEST_F(KeyHolderTest, OpensWhatItSealedAfterARestartToo) {
  const Envelope envelope = seal("fake-token");
  EXPECT_EQ(open(envelope), "fake-token");
  EXPECT_EQ(open(*keys_.open(), envelope), "fake-token");
}

TEST_F(KeyHolderTest, OpensForNoOtherBinding) {
  const Envelope envelope = seal("fake-token");
  const auto opens_for = [&](auto change) {
    Binding other = kBinding;
    change(other);
    return open(envelope, other);
  };
  EXPECT_EQ(opens_for([](Binding&) {}), "fake-token");
  EXPECT_EQ(opens_for([](Binding& other) { other.kind = "upstream"; }), "refused");
  EXPECT_EQ(opens_for([](Binding& other) { other.name = "openai-other"; }), "refused");
  EXPECT_EQ(opens_for([](Binding& other) { other.id = 65538; }), "refused");
  EXPECT_EQ(opens_for([](Binding& other) { other.version = 4; }), "refused");
  EXPECT_EQ(opens_for([](Binding& other) { other.destination = "fake-other"; }), "refused");
  EXPECT_EQ(opens_for([](Binding& other) { other.destination = ""; }), "refused");
}

// Where one text ends and the next begins is part of what is bound.
TEST_F(KeyHolderTest, TellsBindingsApartThatReadTheSame) {
  const Binding one = {.kind = "ab", .name = "c", .id = 1, .version = 1, .destination = "de"};
  const Binding other = {.kind = "a", .name = "bc", .id = 1, .version = 1, .destination = "de"};
  EXPECT_NE(secret_binding(one), secret_binding(other));
  EXPECT_NE(data_key_binding(one), data_key_binding(other));
  EXPECT_NE(secret_binding(one), data_key_binding(one));
}

TEST_F(KeyHolderTest, OpensNothingThatWasAlteredAnywhere) {
  Envelope envelope = seal("fake-token");
  for (std::byte& octet : envelope) {
    octet ^= std::byte{1};
    EXPECT_EQ(open(envelope), "refused");
    octet ^= std::byte{1};
  }
  EXPECT_EQ(open(envelope), "fake-token");
}

TEST_F(KeyHolderTest, OpensNothingOfAnotherSize) {
  const Envelope envelope = seal("fake-token");
  for (std::size_t size = 0; size < envelope.size(); ++size)
    EXPECT_EQ(open(std::span(envelope).first(size)), "refused");
  Envelope longer = envelope;
  longer.push_back(std::byte{0});
  EXPECT_EQ(open(longer), "refused");
  EXPECT_EQ(open(Envelope(std::size_t{2} << 20)), "refused");
}

TEST_F(KeyHolderTest, OpensNothingPutTogetherFromTwoEnvelopes) {
  Envelope one = seal("fake-token");
  Envelope other = seal("fake-other");
  std::ranges::swap_ranges(parts_of(one).wrapped_key, parts_of(other).wrapped_key);
  EXPECT_EQ(open(one), "refused");
  EXPECT_EQ(open(other), "refused");
}

TEST_F(KeyHolderTest, OpensNothingOfAnotherMasterKey) {
  const testing::ThrowawayKeys others(arena);
  EXPECT_EQ(open(*others.open(), seal("fake-token")), "refused");
  // Not even when it says so itself.
  Envelope envelope = seal("fake-token");
  std::ranges::copy(binary_id(others.master()), std::span(envelope).subspan(5).begin());
  EXPECT_EQ(open(*others.open(), envelope), "refused");
}

TEST_F(KeyHolderTest, SealsDifferentlyEachTimeAndShowsNothing) {
  std::set<Envelope> seen;
  for (int round = 0; round < 100; ++round) {
    const Envelope envelope = seal("fake-token");
    EXPECT_EQ(envelope.size(), kEnvelopeOverhead + 10);
    EXPECT_TRUE(std::ranges::search(envelope, bytes_of("fake-token")).empty());
    EXPECT_TRUE(seen.insert(envelope).second);
  }
}

TEST_F(KeyHolderTest, SealsFromNothingUpTo64KiB) {
  EXPECT_EQ(open(seal("")), "");
  const std::string largest(KeyHolder::kMaxSecret, 'x');
  EXPECT_EQ(open(seal(largest)), largest);
  const auto refused = holder_->seal(bytes_of(largest + "x"), kBinding);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kInvalid);
}

TEST_F(KeyHolderTest, MacsDifferByPurposeByPartsAndByKeyring) {
  const std::vector<std::string_view> parts = {"ab", "c"};
  const std::vector<std::string_view> other = {"a", "bc"};
  const auto mac = holder_->mac(MacPurpose::kRecord, parts);
  EXPECT_EQ(mac, keys_.open()->mac(MacPurpose::kRecord, parts));
  EXPECT_NE(mac, holder_->mac(MacPurpose::kRegister, parts));
  EXPECT_NE(mac, holder_->mac(MacPurpose::kRecord, other));
  EXPECT_NE(mac, testing::throwaway_keys(arena)->mac(MacPurpose::kRecord, parts));
}

TEST_F(KeyHolderTest, SignsWithTheKeyThatItShows) {
  const auto signature = holder_->sign(holder_->signing_key(), bytes_of("checkpoint"));
  EXPECT_TRUE(crypto::verify_ed25519(holder_->signing_key(), bytes_of("checkpoint"), signature));
  EXPECT_EQ(keys_.open()->signing_key(), holder_->signing_key());
  EXPECT_NE(testing::throwaway_keys(arena)->signing_key(), holder_->signing_key());
}

TEST_F(KeyHolderTest, RotatesItsSigningKeyInTwoStepsEachOfWhichOutlivesARestart) {
  const auto old_key = holder_->signing_key();
  const crypto::Sha256Digest mac = holder_->mac(MacPurpose::kRecord, {});
  const Envelope envelope = seal("fake-token");
  EXPECT_EQ(holder_->next_signing_key(), std::nullopt);
  const NextSigningKey next = *holder_->add_next_signing_key();
  const Keyring& with_next = next.keyring;
  EXPECT_EQ(holder_->next_signing_key(), std::nullopt);  // not before it is kept
  ASSERT_TRUE(holder_->use(with_next).has_value());
  const auto new_key = *holder_->next_signing_key();
  EXPECT_NE(new_key, old_key);
  EXPECT_EQ(new_key, next.key);
  EXPECT_EQ(holder_->signing_key(), old_key);
  const auto restarted = open_key_holder(keys_.master(), with_next, arena);
  ASSERT_TRUE(restarted.has_value());
  EXPECT_EQ((*restarted)->signing_key(), old_key);
  EXPECT_EQ((*restarted)->next_signing_key(), new_key);
  for (const auto& key : {old_key, new_key})
    EXPECT_TRUE(
        crypto::verify_ed25519(key, bytes_of("checkpoint"), (*restarted)->sign(key, bytes_of("checkpoint"))));

  const Keyring promoted = *(*restarted)->promote_next_signing_key();
  EXPECT_EQ((*restarted)->signing_key(), old_key);
  ASSERT_TRUE((*restarted)->use(promoted).has_value());
  EXPECT_EQ(promoted.size(), kKeyringSize);
  EXPECT_EQ((*restarted)->signing_key(), new_key);
  EXPECT_EQ((*restarted)->next_signing_key(), std::nullopt);
  const auto once_more = *open_key_holder(keys_.master(), promoted, arena);
  EXPECT_EQ(once_more->signing_key(), new_key);
  EXPECT_EQ(once_more->mac(MacPurpose::kRecord, {}), mac);
  EXPECT_EQ(open(*once_more, envelope), "fake-token");
}

TEST_F(KeyHolderTest, RotatesOneStepAfterTheOther) {
  const auto is_conflict = [](const auto& result) {
    return !result.has_value() && result.error().code() == Code::kConflict;
  };
  EXPECT_TRUE(is_conflict(holder_->promote_next_signing_key()));
  ASSERT_TRUE(holder_->use(holder_->add_next_signing_key()->keyring).has_value());
  EXPECT_TRUE(is_conflict(holder_->add_next_signing_key()));
  ASSERT_TRUE(holder_->use(*holder_->promote_next_signing_key()).has_value());
  EXPECT_TRUE(holder_->add_next_signing_key().has_value());
}

TEST_F(KeyHolderTest, UsesNoKeyringThatWasAlteredOrIsOfAnotherMasterKey) {
  const auto old_key = holder_->signing_key();
  Keyring altered = holder_->add_next_signing_key()->keyring;
  ASSERT_EQ(altered.size(), kKeyringWithNextSize);
  for (std::byte& octet : altered) {
    octet ^= std::byte{1};
    EXPECT_FALSE(holder_->use(altered).has_value());
    EXPECT_FALSE(open_key_holder(keys_.master(), altered, arena).has_value());
    octet ^= std::byte{1};
  }
  EXPECT_FALSE(holder_->use(testing::ThrowawayKeys(arena).keyring()).has_value());
  EXPECT_EQ(holder_->signing_key(), old_key);
  EXPECT_EQ(holder_->next_signing_key(), std::nullopt);
  EXPECT_TRUE(holder_->use(altered).has_value());
}

TEST_F(KeyHolderTest, NamesBothKeysWhenGivenTheWrongOne) {
  const testing::ThrowawayKeys others(arena);
  EXPECT_EQ(*keyring_master_id(keys_.keyring()), keys_.master().id());
  const auto refused = open_key_holder(others.master(), keys_.keyring(), arena);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kInvalid);
  EXPECT_EQ(refused.error().what(), "the store was made with master key " + keys_.master().id() +
                                        ", but this is " + others.master().id() +
                                        "; give the right one (master_key.from)");
}

TEST_F(KeyHolderTest, TakesNoKeyringThatWasAltered) {
  Keyring keyring = keys_.keyring();
  ASSERT_EQ(keyring.size(), kKeyringSize);
  for (std::byte& octet : keyring) {
    octet ^= std::byte{1};
    EXPECT_FALSE(open_key_holder(keys_.master(), keyring, arena).has_value());
    octet ^= std::byte{1};
  }
  keyring.back() ^= std::byte{1};
  const auto refused = open_key_holder(keys_.master(), keyring, arena);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kInternal);
}

TEST_F(KeyHolderTest, TakesNoKeyringOfAnotherSizeOrFormat) {
  Keyring keyring = keys_.keyring();
  const auto refuses = [](std::span<const std::byte> bytes) {
    const auto id = keyring_master_id(bytes);
    return !id.has_value() && id.error().code() == Code::kInvalid;
  };
  EXPECT_TRUE(refuses({}));
  for (std::size_t size = 0; size < keyring.size(); ++size)
    EXPECT_TRUE(refuses(std::span(keyring).first(size)));
  keyring.front() = std::byte{2};
  EXPECT_TRUE(refuses(keyring));
  keyring.front() = std::byte{1};
  keyring.push_back(std::byte{0});
  EXPECT_TRUE(refuses(keyring));
}

TEST_F(KeyHolderTest, TakesTurnsBetweenThreads) {
  const Envelope envelope = seal("fake-token");
  const std::vector<std::string_view> parts = {"part"};
  const auto mac = holder_->mac(MacPurpose::kRecord, parts);
  const auto signature = holder_->sign(holder_->signing_key(), bytes_of("checkpoint"));
  std::vector<std::jthread> threads;
  std::array<bool, 4> good{};
  for (bool& mine : good) {
    threads.emplace_back([&] {
      mine = true;
      for (int round = 0; round < 50; ++round) {
        mine = mine && open(seal("fake-token")) == "fake-token" && open(envelope) == "fake-token" &&
               holder_->mac(MacPurpose::kRecord, parts) == mac &&
               holder_->sign(holder_->signing_key(), bytes_of("checkpoint")) == signature;
      }
    });
  }
  threads.clear();
  EXPECT_TRUE(std::ranges::all_of(good, [](bool mine) { return mine; }));
}

TEST_F(KeyHolderTest, GivesBackWhatItTookOfTheArena) {
  const Envelope envelope = seal("fake-token");
  const std::size_t before = arena.usage().in_use;
  const std::uint64_t overflows = crypto::openssl_memory().arena_overflows;
  for (int round = 0; round < 50; ++round) {
    static_cast<void>(open(seal("fake-token")));
    Envelope altered = envelope;
    altered.back() ^= std::byte{1};
    static_cast<void>(open(altered));
    static_cast<void>(keys_.open()->mac(MacPurpose::kRecord, {}));
  }
  EXPECT_EQ(arena.usage().in_use, before);
  EXPECT_EQ(crypto::openssl_memory().arena_overflows, overflows);
}

TEST_F(KeyHolderTest, SaysThatSecretMemoryIsSpent) {
  const Envelope envelope = seal("fake-token");
  std::vector<void*> blocks;
  for (const std::size_t size : {std::size_t{1} << 20, std::size_t{4096}, std::size_t{16}})
    while (void* const block = arena.allocate(size)) blocks.push_back(block);
  const auto sealed = holder_->seal(bytes_of("fake-token"), kBinding);
  const auto opened = holder_->open(envelope, kBinding);
  const auto signature = holder_->sign(holder_->signing_key(), bytes_of("checkpoint"));
  for (void* const block : blocks) arena.release(block);
  ASSERT_FALSE(sealed.has_value());
  EXPECT_EQ(sealed.error().code(), Code::kUnavailable);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), Code::kUnavailable);
  EXPECT_TRUE(crypto::verify_ed25519(holder_->signing_key(), bytes_of("checkpoint"), signature));
}

}  // namespace
}  // namespace claviger::vault
