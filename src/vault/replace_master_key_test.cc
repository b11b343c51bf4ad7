// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "crypto/testing/routed_arena.h"
#include "vault/envelope.h"
#include "vault/key_holder.h"
#include "vault/testing/throwaway_keys.h"

namespace claviger::vault {
namespace {

base::SecretArena& arena = crypto::testing::routed_arena();

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

class ReplaceMasterKeyTest : public ::testing::Test {
 protected:
  static constexpr Binding kBinding = {
      .kind = "credential", .name = "openai-main", .id = 65537, .version = 3, .destination = "fake-digest"};

  static std::string open(KeyHolder& holder, const Envelope& envelope) {
    const auto secret = holder.open(envelope, kBinding);
    return secret.has_value() ? std::string(secret->reveal_text()) : "refused";
  }
  // One with the old key alone, or the new one.
  std::unique_ptr<KeyHolder> only(const MasterKey& master, const Keyring& keyring) {
    return *open_key_holder(*MasterKey::of(*base::SecretBytes::copy_of(arena, master.reveal()), arena),
                            keyring, arena);
  }

  testing::ThrowawayKeys old_{arena};
  MasterKey next_ = *MasterKey::draw(arena);
  std::unique_ptr<KeyHolder> holder_ = old_.open();
  Envelope before_ = *holder_->seal(bytes_of("fake-token"), kBinding);
};

TEST_F(ReplaceMasterKeyTest, SealsUnderTheNextOneFromThenOnAndOpensWhatEitherSealed) {
  ASSERT_TRUE(holder_->hold_next_master_key(next_).has_value());
  EXPECT_EQ(holder_->next_master_key_id(), next_.id());
  EXPECT_EQ(holder_->master_key_id(), old_.master().id());
  const Envelope after = *holder_->seal(bytes_of("fake-other"), kBinding);
  EXPECT_EQ(envelope_master_id(before_), old_.master().id());
  EXPECT_EQ(envelope_master_id(after), next_.id());
  EXPECT_EQ(open(*holder_, before_), "fake-token");
  EXPECT_EQ(open(*holder_, after), "fake-other");
  EXPECT_EQ(open(*old_.open(), after), "refused");
}

TEST_F(ReplaceMasterKeyTest, SealsAnewWithADataKeyThatNobodyHadBefore) {
  ASSERT_TRUE(holder_->hold_next_master_key(next_).has_value());
  const Envelope anew = *holder_->seal_anew(before_, kBinding);
  EXPECT_EQ(open(*holder_, anew), "fake-token");
  EXPECT_FALSE(std::ranges::equal(read_envelope(anew)->parts.sealed_secret,
                                  read_envelope(before_)->parts.sealed_secret));
  EXPECT_EQ(open(*old_.open(), anew), "refused");
  // The old data key, taken out of the old envelope, opens nothing of the new one.
  Envelope mixed = anew;
  std::ranges::copy(read_envelope(before_)->parts.sealed_secret, parts_of(mixed).sealed_secret.begin());
  EXPECT_EQ(open(*holder_, mixed), "refused");
  Binding other = kBinding;
  other.version = 4;
  EXPECT_EQ(holder_->seal_anew(before_, other).error().code(), Code::kInternal);
}

TEST_F(ReplaceMasterKeyTest, TheOldOneOpensNothingOnceItIsReplaced) {
  const auto record_mac = holder_->mac(MacPurpose::kRecord, {});
  const auto signing_key = holder_->signing_key();
  ASSERT_TRUE(holder_->hold_next_master_key(next_).has_value());
  const Envelope anew = *holder_->seal_anew(before_, kBinding);
  const Keyring keyring = *holder_->rewrapped_keyring();
  EXPECT_EQ(keyring_master_id(old_.keyring()).value(), holder_->master_key_id());
  holder_->promote_next_master_key(keyring);

  EXPECT_EQ(holder_->master_key_id(), next_.id());
  EXPECT_EQ(holder_->next_master_key_id(), std::nullopt);
  EXPECT_EQ(open(*holder_, anew), "fake-token");
  EXPECT_EQ(open(*holder_, before_), "refused");
  EXPECT_FALSE(open_key_holder(old_.master(), keyring, arena).has_value());
  const auto restarted = only(next_, keyring);
  EXPECT_EQ(open(*restarted, anew), "fake-token");
  EXPECT_EQ(restarted->mac(MacPurpose::kRecord, {}), record_mac);
  EXPECT_EQ(restarted->signing_key(), signing_key);
}

TEST_F(ReplaceMasterKeyTest, GoesTogetherWithARotationOfTheSigningKey) {
  const NextSigningKey signing = *holder_->add_next_signing_key();
  ASSERT_TRUE(holder_->use(signing.keyring).has_value());
  ASSERT_TRUE(holder_->hold_next_master_key(next_).has_value());
  const Keyring keyring = *holder_->rewrapped_keyring();
  holder_->promote_next_master_key(keyring);
  EXPECT_EQ(holder_->next_signing_key(), signing.key);
  const Keyring promoted = *holder_->promote_next_signing_key();
  ASSERT_TRUE(holder_->use(promoted).has_value());
  EXPECT_EQ(holder_->signing_key(), signing.key);
  EXPECT_EQ(only(next_, promoted)->signing_key(), signing.key);
}

TEST_F(ReplaceMasterKeyTest, RefusesTheSameKeyAndASecondOneAtOnce) {
  EXPECT_EQ(holder_->hold_next_master_key(old_.master()).error().code(), Code::kConflict);
  ASSERT_TRUE(holder_->hold_next_master_key(next_).has_value());
  EXPECT_EQ(holder_->hold_next_master_key(*MasterKey::draw(arena)).error().code(), Code::kConflict);
  holder_->drop_next_master_key();
  EXPECT_EQ(envelope_master_id(*holder_->seal(bytes_of("fake"), kBinding)), old_.master().id());
}

TEST_F(ReplaceMasterKeyTest, NoEnvelopeHasNoMasterKey) {
  EXPECT_EQ(envelope_master_id({}), std::nullopt);
  EXPECT_EQ(envelope_master_id(std::span(before_).first(kEnvelopeOverhead - 1)), std::nullopt);
  before_.front() = std::byte{2};
  EXPECT_EQ(envelope_master_id(before_), std::nullopt);
}

}  // namespace
}  // namespace claviger::vault
