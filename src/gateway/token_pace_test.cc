// SPDX-License-Identifier: Apache-2.0
#include "gateway/token_pace.h"

#include <gtest/gtest.h>

namespace claviger::gateway {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Monotonic kStart{std::chrono::hours(1)};

TEST(TokenPace, ARefusedSecretIsShownThreeTimesInHalfAnHour) {
  TokenPace pace;
  int attempts = 0;
  for (Monotonic now = kStart; now < kStart + minutes(30); now += seconds(1)) {
    if (!pace.is_due(now)) continue;
    ++attempts;
    pace.was_refused(now, 0);
  }
  EXPECT_EQ(attempts, 3);
}

TEST(TokenPace, ARefusedSecretIsShownOnceAnHourInTheEnd) {
  TokenPace pace;
  Monotonic now = kStart;
  for (int i = 0; i < 20; ++i) {
    pace.was_refused(now, 0);
    now = pace.next();
  }
  pace.was_refused(now, 0);
  EXPECT_EQ(pace.next(), now + TokenPace::kLongestRefusal);
}

TEST(TokenPace, AnEndpointThatCannotBeAskedIsAskedAgainSoonAndThenOnceAMinute) {
  TokenPace pace;
  pace.failed(kStart, std::nullopt, 0);
  EXPECT_EQ(pace.next(), kStart + seconds(1));
  for (int i = 0; i < 20; ++i) pace.failed(kStart, std::nullopt, 0);
  EXPECT_EQ(pace.next(), kStart + seconds(60));
}

TEST(TokenPace, DoesWhatTheEndpointAsksForUpToTenMinutes) {
  TokenPace pace;
  pace.failed(kStart, seconds(45), 0);
  EXPECT_EQ(pace.next(), kStart + seconds(45));
  pace.failed(kStart, seconds(86'400), 0);
  EXPECT_EQ(pace.next(), kStart + minutes(10));
}

TEST(TokenPace, AnOutageDoesNotMakeARefusedSecretBeShownSooner) {
  TokenPace pace;
  pace.was_refused(kStart, 0);
  pace.failed(kStart + minutes(2), std::nullopt, 0);
  EXPECT_GE(pace.next(), kStart + minutes(4));
}

TEST(TokenPace, ASuccessForgetsWhatWentWrong) {
  TokenPace pace;
  pace.was_refused(kStart, 0);
  pace.succeeded();
  EXPECT_TRUE(pace.is_due(kStart));
  pace.was_refused(kStart, 0);
  EXPECT_EQ(pace.next(), kStart + TokenPace::kFirstRefusal);
}

TEST(TokenPace, SpreadsThoseWhoFailedTogether) {
  TokenPace pace;
  pace.was_refused(kStart, 1);
  EXPECT_EQ(pace.next(), kStart + seconds(150));
}

TEST(TokenPace, ALostTokenIsReplacedAtOnceAndThenWithGrowingPauses) {
  TokenPace pace;
  int renewals = 0;
  for (Monotonic now = kStart; now < kStart + minutes(10); now += seconds(1)) renewals += pace.may_renew(now);
  EXPECT_GE(renewals, 5);
  EXPECT_LE(renewals, 8);
}

TEST(TokenPace, WhatHasBeenQuietForLongIsReplacedAtOnceAgain) {
  TokenPace pace;
  ASSERT_TRUE(pace.may_renew(kStart));
  EXPECT_FALSE(pace.may_renew(kStart + seconds(4)));
  ASSERT_TRUE(pace.may_renew(kStart + seconds(60)));
  EXPECT_TRUE(pace.may_renew(kStart + seconds(66)));
}

TEST(TokenPace, ATokenThatIsRefusedLikeTheOneBeforeIsNotReplacedForAMinute) {
  TokenPace pace;
  ASSERT_TRUE(pace.may_renew(kStart));
  pace.renewed_in_vain(kStart);
  EXPECT_FALSE(pace.may_renew(kStart + seconds(59)));
  EXPECT_TRUE(pace.may_renew(kStart + seconds(60)));
}

TEST(TokenPace, NoRenewalBeforeTheNextAttemptIsDue) {
  TokenPace pace;
  pace.was_refused(kStart, 0);
  EXPECT_FALSE(pace.may_renew(kStart + seconds(100)));
}

}  // namespace
}  // namespace claviger::gateway
