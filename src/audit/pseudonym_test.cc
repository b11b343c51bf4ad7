// SPDX-License-Identifier: Apache-2.0
#include "audit/pseudonym.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/secret_arena.h"

namespace claviger::audit {
namespace {

class PseudonymTest : public ::testing::Test {
 protected:
  Pseudonyms made(char fill) {
    const std::string key(Pseudonyms::kKeySize, fill);
    return Pseudonyms(*base::SecretBytes::copy_of(*arena_, std::as_bytes(std::span(key))));
  }
  std::unique_ptr<base::SecretArena> arena_ =
      *base::SecretArena::create({.memory = base::SecretArena::Memory::kLocked, .limit = 1 << 20});
};

TEST_F(PseudonymTest, IsTheSameForTheSameAddressAndAnotherForEachOther) {
  const Pseudonyms pseudonyms = made('k');
  std::set<std::string> all;
  for (const char* text : {"192.0.2.7", "192.0.2.8", "::", "2001:db8::1", "2001:db8::2", "0.0.0.0"})
    all.insert(pseudonyms.of(*base::parse_ip(text)));
  EXPECT_EQ(all.size(), 6U);
  EXPECT_EQ(pseudonyms.of(*base::parse_ip("192.0.2.7")), made('k').of(*base::parse_ip("192.0.2.7")));
  EXPECT_EQ(pseudonyms.of(*base::parse_ip("::ffff:192.0.2.7")), pseudonyms.of(*base::parse_ip("192.0.2.7")));
  EXPECT_NE(pseudonyms.of(*base::parse_ip("192.0.2.7")), made('l').of(*base::parse_ip("192.0.2.7")));
}

// HMAC-SHA-256 of "192.0.2.7" under 32 times 'k', as any other implementation has it.
TEST_F(PseudonymTest, IsWhatTheDocumentationSays) {
  EXPECT_EQ(made('k').of(*base::parse_ip("192.0.2.7")), "p-8fe7ef6da9b211b8eccd8055");
}

TEST_F(PseudonymTest, AddressesAreRecordedAsIsAsked) {
  const Pseudonyms pseudonyms = made('k');
  const base::IpAddress address = *base::parse_ip("2001:db8::1");
  EXPECT_EQ(recorded_address(address, Addresses::kFull, nullptr), "2001:db8::1");
  EXPECT_EQ(recorded_address(address, Addresses::kNone, nullptr), "");
  EXPECT_EQ(recorded_address(address, Addresses::kPseudonym, &pseudonyms), pseudonyms.of(address));
  EXPECT_EQ(pseudonyms.of(address).size(), Pseudonyms::kSize);
}

}  // namespace
}  // namespace claviger::audit
