// SPDX-License-Identifier: Apache-2.0
// No key of the vault and no secret is in ordinary memory, neither while they are in use nor afterwards.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/secret_bytes.h"
#include "crypto/hash.h"
#include "crypto/openssl_memory.h"
#include "crypto/random.h"
#include "crypto/testing/memory_scan.h"
#include "crypto/testing/routed_arena.h"
#include "vault/envelope.h"
#include "vault/keyring.h"
#include "vault/testing/throwaway_keys.h"

namespace claviger::vault {
namespace {

using crypto::testing::MemoryScan;

base::SecretArena& arena = crypto::testing::routed_arena();

constexpr Binding kBinding = {
    .kind = "credential", .name = "openai-main", .id = 65537, .version = 3, .destination = "fake-digest"};

struct Hits {
  std::size_t inside = 0;
  std::size_t outside = 0;
};

Hits count_hits(const std::vector<std::vector<std::byte>>& inverted) {
  Hits hits;
  MemoryScan scan;
  for (const auto& one : inverted)
    for (const std::uintptr_t address : scan.find(one))
      ++(arena.contains(reinterpret_cast<const void*>(address)) ? hits.inside : hits.outside);
  return hits;
}

std::size_t schedules_outside() {
  return static_cast<std::size_t>(std::ranges::count_if(
      MemoryScan().find_aes_schedules(),
      [](const auto& found) { return !arena.contains(reinterpret_cast<const void*>(found.address)); }));
}

// The complements of all that must not be found: master key, its line, the keyring's keys, a secret.
struct Wanted {
  testing::ThrowawayKeys keys{arena};
  base::SecretBytes secret = *base::SecretBytes::allocate(arena, 64);
  std::vector<std::vector<std::byte>> inverted;

  Wanted() {
    crypto::random_secret(secret.reveal());
    const MasterKey master = keys.master();
    const KeyringKeys ring = *unwrap_keyring(keys.keyring(), master, arena);
    add(master.reveal());
    add(std::as_bytes(std::span(keys.reveal_line())).last(40));
    add(ring.record_mac());
    add(ring.register_mac());
    add(ring.signing_seed());
    add(secret.reveal().first(32));
  }
  void add(std::span<const std::byte> bytes) { inverted.push_back(crypto::testing::inverted(bytes)); }
};

TEST(VaultMemory, HoldsKeysAndSecretsInTheArenaAlone) {
  const Wanted wanted;
  const std::size_t schedules = schedules_outside();
  const std::uint64_t overflows = crypto::openssl_memory().arena_overflows;
  const Hits before = count_hits(wanted.inverted);
  ASSERT_GE(before.inside, 2U);  // the line and the secret: the scan sees
  ASSERT_EQ(before.outside, 0U);
  {
    const auto holder = wanted.keys.open();
    const Envelope envelope = *holder->seal(wanted.secret.reveal(), kBinding);
    Envelope altered = envelope;
    altered.back() ^= std::byte{1};
    EXPECT_FALSE(holder->open(altered, kBinding).has_value());
    const base::SecretBytes opened = *holder->open(envelope, kBinding);
    const std::array<std::string_view, 1> parts = {"part"};
    static_cast<void>(holder->mac(MacPurpose::kRecord, parts));
    static_cast<void>(holder->mac(MacPurpose::kRegister, parts));
    static_cast<void>(holder->sign(holder->signing_key(), std::as_bytes(std::span(parts.front()))));
    const Hits during = count_hits(wanted.inverted);
    EXPECT_GE(during.inside, before.inside + 2);  // the opened secret
    EXPECT_EQ(during.outside, 0U) << "while it is open";
    EXPECT_EQ(schedules_outside(), schedules);

    const Keyring with_next = holder->add_next_signing_key()->keyring;
    ASSERT_TRUE(holder->use(with_next).has_value());
    const std::vector<std::vector<std::byte>> drawn(
        1, crypto::testing::inverted(
               unwrap_keyring(with_next, wanted.keys.master(), arena)->next_signing_seed()));
    static_cast<void>(holder->sign(*holder->next_signing_key(), std::as_bytes(std::span(parts.front()))));
    ASSERT_TRUE(holder->use(*holder->promote_next_signing_key()).has_value());
    static_cast<void>(holder->sign(holder->signing_key(), std::as_bytes(std::span(parts.front()))));
    EXPECT_EQ(count_hits(drawn).outside, 0U) << "a key that was rotated in";
    EXPECT_EQ(schedules_outside(), schedules);
  }
  const Hits after = count_hits(wanted.inverted);
  EXPECT_EQ(after.inside, before.inside);
  EXPECT_EQ(after.outside, 0U) << "when all is gone";
  EXPECT_EQ(schedules_outside(), schedules);
  EXPECT_EQ(crypto::openssl_memory().arena_overflows, overflows);
}

}  // namespace
}  // namespace claviger::vault
