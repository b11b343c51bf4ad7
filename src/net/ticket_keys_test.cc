// SPDX-License-Identifier: Apache-2.0
#include "net/ticket_keys.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/fake_clock.h"
#include "crypto/openssl_owned.h"

namespace claviger::net {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using Opening = TicketKeys::Opening;

struct Ticket {
  std::array<unsigned char, TicketKeys::kNameSize> name{};
  std::array<unsigned char, TicketKeys::kIvSize> iv{};
  std::string text;  // sealed
  std::string tag;
};

// What OpenSSL has around its callback.
struct Contexts {
  crypto::Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> cipher{EVP_CIPHER_CTX_new()};
  crypto::Owned<EVP_MAC, EVP_MAC_free> hmac{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
  crypto::Owned<EVP_MAC_CTX, EVP_MAC_CTX_free> mac{EVP_MAC_CTX_new(hmac.get())};

  std::string run(std::string_view text) {
    std::string out(text.size() + 32, '\0');
    int size = 0;
    int rest = 0;
    auto* to = reinterpret_cast<unsigned char*>(out.data());
    EVP_CipherUpdate(cipher.get(), to, &size, reinterpret_cast<const unsigned char*>(text.data()),
                     static_cast<int>(text.size()));
    EVP_CipherFinal_ex(cipher.get(), to + size, &rest);
    out.resize(static_cast<std::size_t>(size + rest));
    return out;
  }
  std::string tag(std::string_view text) {
    std::string out(32, '\0');
    std::size_t size = 0;
    EVP_MAC_update(mac.get(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
    EVP_MAC_final(mac.get(), reinterpret_cast<unsigned char*>(out.data()), &size, out.size());
    return out;
  }
};

constexpr std::array<std::byte, 32> kHere{};
constexpr std::array<std::byte, 32> kElsewhere{std::byte{1}};

Ticket seal(TicketKeys& keys, std::string_view text, std::span<const std::byte> binding = kHere) {
  Contexts contexts;
  Ticket ticket;
  EXPECT_TRUE(keys.seal(ticket.name, ticket.iv, binding, contexts.cipher.get(), contexts.mac.get()));
  ticket.text = contexts.run(text);
  ticket.tag = contexts.tag(ticket.text);
  return ticket;
}

struct Opened {
  Opening how;
  bool is_authentic = false;
  std::string text;
};
Opened open(TicketKeys& keys, const Ticket& ticket, std::span<const std::byte> binding = kHere) {
  Contexts contexts;
  Opened opened{keys.open(ticket.name, ticket.iv, binding, contexts.cipher.get(), contexts.mac.get())};
  if (opened.how == Opening::kUnknown) return opened;
  opened.is_authentic = contexts.tag(ticket.text) == ticket.tag;
  opened.text = contexts.run(ticket.text);
  return opened;
}

struct TicketKeysTest : ::testing::Test {
  std::unique_ptr<base::SecretArena> arena = *base::SecretArena::create({});
  base::testing::FakeClock clock;
  std::unique_ptr<TicketKeys> keys = *TicketKeys::create(*arena, clock);
};

TEST_F(TicketKeysTest, OpenWhatTheySealed) {
  const Ticket ticket = seal(*keys, "a session");
  EXPECT_EQ(ticket.text.find("session"), std::string::npos);
  const Opened opened = open(*keys, ticket);
  EXPECT_EQ(opened.how, Opening::kCurrent);
  EXPECT_TRUE(opened.is_authentic);
  EXPECT_EQ(opened.text, "a session");
}

TEST_F(TicketKeysTest, AreNobodyElses) {
  const Ticket ticket = seal(*keys, "a session");
  const auto others = *TicketKeys::create(*arena, clock);
  EXPECT_EQ(open(*others, ticket).how, Opening::kUnknown);
}

TEST_F(TicketKeysTest, AuthenticateTheBinding) {
  EXPECT_FALSE(open(*keys, seal(*keys, "a session", kHere), kElsewhere).is_authentic);
  EXPECT_TRUE(open(*keys, seal(*keys, "a session", kElsewhere), kElsewhere).is_authentic);
}

TEST_F(TicketKeysTest, NeverUseAnIvTwice) {
  EXPECT_NE(seal(*keys, "a session").iv, seal(*keys, "a session").iv);
}

TEST_F(TicketKeysTest, AreReplacedEveryTwelveHoursAndReadForTwelveMore) {
  const Ticket first = seal(*keys, "first");
  clock.advance(hours(12) - minutes(1));
  EXPECT_EQ(open(*keys, first).how, Opening::kCurrent);
  clock.advance(minutes(1));
  const Opened opened = open(*keys, first);
  EXPECT_EQ(opened.how, Opening::kPrevious);
  EXPECT_TRUE(opened.is_authentic);
  EXPECT_EQ(opened.text, "first");
  const Ticket second = seal(*keys, "second");
  EXPECT_NE(second.name, first.name);
  clock.advance(hours(12) - minutes(1));
  EXPECT_EQ(open(*keys, first).how, Opening::kPrevious);
  clock.advance(minutes(1));
  EXPECT_EQ(open(*keys, first).how, Opening::kUnknown);
  EXPECT_EQ(open(*keys, second).how, Opening::kPrevious);
}

TEST_F(TicketKeysTest, AreReadForNoLongerBecauseNobodyCame) {
  const Ticket first = seal(*keys, "first");
  clock.advance(hours(20));
  EXPECT_EQ(open(*keys, first).how, Opening::kPrevious);
  clock.advance(hours(4));
  EXPECT_EQ(open(*keys, first).how, Opening::kUnknown);
  const Ticket second = seal(*keys, "second");
  clock.advance(hours(1000));
  EXPECT_EQ(open(*keys, second).how, Opening::kUnknown);
}

TEST_F(TicketKeysTest, SayWhenTheArenaIsFull) {
  const auto small = *base::SecretArena::create({.limit = 16384});
  while (small->allocate(16) != nullptr) {
  }
  const auto none = TicketKeys::create(*small, clock);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code(), Code::kUnavailable);
}

class SharedClock final : public Clock {
 public:
  Monotonic monotonic() const noexcept override { return Monotonic(hours(now.load())); }
  WallTime wall() const noexcept override { return WallTime(hours(now.load())); }
  std::atomic<int> now{1};
};

// Whoever seals, opens what it sealed, whatever the others do meanwhile and the clock.
TEST(TicketKeysThreads, RotateUnderEverybodysHands) {
  const auto arena = *base::SecretArena::create({});
  SharedClock clock;
  const auto keys = *TicketKeys::create(*arena, clock);
  std::atomic<int> wrong{0};
  std::atomic<int> unknown{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        const Ticket ticket = seal(*keys, "a session");
        const Opened opened = open(*keys, ticket);
        if (opened.how == Opening::kUnknown) ++unknown;
        else if (!opened.is_authentic || opened.text != "a session") ++wrong;
        if (i % 10 == 0) clock.now += 3;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_LT(unknown, 300);  // two rotations between the two, at the most
}

}  // namespace
}  // namespace claviger::net
