// SPDX-License-Identifier: Apache-2.0
#include "gateway/refusals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/line.h"

namespace claviger::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr WallTime kNewYear{std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)};
constexpr Monotonic kStart{1000s};

TEST(Refusals, ABurstIsRecordedOneByOneAndThenOneInAWhile) {
  Refusals refusals("calls.refused");
  for (std::uint32_t i = 0; i < Refusals::kBurst; ++i) EXPECT_TRUE(refusals.take(kStart));
  EXPECT_FALSE(refusals.take(kStart));
  EXPECT_FALSE(refusals.take(kStart + Refusals::kRefill - 1ms));
  EXPECT_TRUE(refusals.take(kStart + Refusals::kRefill));
  EXPECT_FALSE(refusals.take(kStart + Refusals::kRefill));
  std::uint32_t later = 0;
  while (refusals.take(kStart + 30 * 24h)) ++later;
  EXPECT_EQ(later, Refusals::kBurst);
}

TEST(Refusals, ADayOfThemComesToAsManyEventsAsIsSaid) {
  Refusals refusals("calls.refused");
  std::uint32_t taken = 0, reports = 0;
  for (auto at = 0ms; at < 24h; at += 100ms) {
    if (refusals.take(kStart + at)) ++taken;
    else refusals.count("unauthenticated", "192.0.2.7", kStart + at, kNewYear + at);
    if (!refusals.is_due(kStart + at)) continue;
    EXPECT_LT(refusals.take_event(kNewYear + at).text().size(), 2048U);
    ++reports;
  }
  EXPECT_LE(taken, Refusals::kBurst + 24h / Refusals::kRefill);
  EXPECT_LE(reports, 24h / Refusals::kReport);
  EXPECT_GE(reports, 1400U);
}

TEST(Refusals, TheEventCountsByCodeAndByAddress) {
  Refusals refusals("calls.refused");
  EXPECT_FALSE(refusals.is_due(kStart + 1h));
  refusals.count("unauthenticated", "192.0.2.7", kStart, kNewYear);
  refusals.count("limited", "192.0.2.7", kStart + 1s, kNewYear + 1s);
  refusals.count("unauthenticated", "2001:db8::1", kStart + 2s, kNewYear + 2s);
  EXPECT_FALSE(refusals.is_due(kStart + Refusals::kReport - 1ms));
  EXPECT_TRUE(refusals.is_due(kStart + Refusals::kReport));
  EXPECT_EQ(
      refusals.take_event(kNewYear + 60s).text(),
      R"({"v":1,"time":"2026-01-01T00:01:00.000Z","type":"calls.refused","count":3,"codes":{"unauthenticated":2,"limited":1},)"
      R"("addresses":[{"address":"192.0.2.7","count":2},{"address":"2001:db8::1","count":1}],)"
      R"("first":"2026-01-01T00:00:00.000Z","last":"2026-01-01T00:00:02.000Z"})");
  EXPECT_EQ(refusals.counted(), 0U);
  EXPECT_FALSE(refusals.is_due(kStart + 1h));
}

TEST(Refusals, ManyAddressesAreSummedUpAndNoneIsNoAddress) {
  Refusals refusals("calls.refused");
  for (int i = 0; i < 1000; ++i)
    refusals.count("unauthenticated", "10.0.0." + std::to_string(i), kStart, kNewYear);
  const std::string text = refusals.take_event(kNewYear).text();
  EXPECT_TRUE(audit::is_line(text));
  EXPECT_THAT(text, HasSubstr(R"({"address":"10.0.0.15","count":1}],"elsewhere":984,)"));
  refusals.count("unauthenticated", "", kStart, kNewYear);
  const std::string nameless = refusals.take_event(kNewYear).text();
  EXPECT_THAT(nameless, HasSubstr(R"("elsewhere":1)"));
  EXPECT_THAT(nameless, Not(HasSubstr("addresses")));
}

TEST(Refusals, StayALineHoweverLongTheAddressesAndManyTheCodes) {
  static constexpr std::string_view kCodes = "abcdefghijklmnopqrstuvwxyz";
  Refusals refusals("calls.refused");
  for (std::size_t i = 0; i < 26; ++i)
    refusals.count(kCodes.substr(i, 1), std::string(500, static_cast<char>('a' + i)), kStart, kNewYear);
  const std::string text = refusals.take_event(kNewYear).text();
  EXPECT_TRUE(audit::is_line(text));
  EXPECT_THAT(text, HasSubstr(R"("count":26,)"));
  EXPECT_THAT(text, HasSubstr(R"("p":11})"));  // the last that fits takes the rest
}

TEST(Refusals, OfPrincipalsTheEventSaysWhoTheyAre) {
  Refusals refusals("calls.refused", Refusals::Of::kPrincipals);
  refusals.count("denied", "alice", kStart, kNewYear);
  refusals.count("limited", "bob", kStart + 1s, kNewYear + 1s);
  refusals.count("denied", "alice", kStart + 2s, kNewYear + 2s);
  EXPECT_EQ(
      refusals.take_event(kNewYear + 60s).text(),
      R"({"v":1,"time":"2026-01-01T00:01:00.000Z","type":"calls.refused","count":3,"codes":{"denied":2,"limited":1},)"
      R"("principals":[{"principal":"alice","count":2},{"principal":"bob","count":1}],)"
      R"("first":"2026-01-01T00:00:00.000Z","last":"2026-01-01T00:00:02.000Z"})");
}

TEST(Refusals, AsManyPrincipalsAsAreNamedHaveRoomWhateverTheirNamesAndTheOthersAreSummedUp) {
  static constexpr std::string_view kCodes = "abcdefghijklmnopqrstuvwxyz";
  Refusals refusals("calls.refused", Refusals::Of::kPrincipals);
  for (std::size_t i = 0; i < 1000; ++i)
    refusals.count(kCodes.substr(i % 11), std::to_string(1000 + i) + std::string(500, 'n'), kStart, kNewYear);
  const std::string text = refusals.take_event(kNewYear).text();
  EXPECT_TRUE(audit::is_line(text));
  EXPECT_LE(text.size(), audit::Lane::kMaxEvent);
  EXPECT_THAT(text, HasSubstr(R"({"principal":"1063nnnn)"));
  EXPECT_THAT(text, Not(HasSubstr(R"({"principal":"1064)")));
  EXPECT_THAT(text, HasSubstr(R"("others":936,"first":)"));
  EXPECT_THAT(text, Not(HasSubstr("_cut")));
  EXPECT_EQ(refusals.counted(), 0U);
}

}  // namespace
}  // namespace claviger::gateway
