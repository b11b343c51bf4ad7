// SPDX-License-Identifier: Apache-2.0
#include "gateway/credential_judge.h"

#include <gtest/gtest.h>

#include <random>

namespace claviger::gateway {
namespace {

using policy::CredentialState;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = Testimony::Kind;
using Admit = Admittance::Kind;

constexpr CredentialJudge::Witness kAlice = 1, kBob = 2, kCarol = 3, kMallory = 4, kMarvin = 5;
constexpr Testimony kGood{Kind::kGood};
constexpr Testimony kRefused{Kind::kRefused};
constexpr Testimony kExhausted{Kind::kExhausted};
Testimony throttled(int retry_after = 0) { return {Kind::kThrottled, seconds(retry_after)}; }

struct CredentialJudgeTest : ::testing::Test {
  CredentialJudge judge;
  Monotonic now{std::chrono::hours(1000)};

  // A call that is let through and answered at once; whether it was.
  bool call(CredentialJudge::Witness who, const Testimony& answer) {
    const Admittance admittance = judge.admit(who, now);
    if (admittance.kind == Admit::kOut) return false;
    judge.hear(who, judge.period(), answer, now);
    return true;
  }
  void pass(milliseconds time) {
    now += time;
    judge.tick(now);
  }
  bool is_active() const { return judge.state() == CredentialState::kActive; }
  void expect_legal() {
    CredentialState at = CredentialState::kActive;
    for (const StateChange& change : judge.take_changes()) {
      EXPECT_EQ(change.from, at);
      EXPECT_TRUE(policy::may_become(change.from, change.to));
      EXPECT_FALSE(change.reason.empty());
      at = change.to;
    }
  }
};

// --- What one caller can do ----------------------------------------------------------------------

TEST_F(CredentialJudgeTest, IsNotTakenFromAnybodyForWhatOnePrincipalIsAnswered) {
  for (const Testimony& answer : {kRefused, throttled(30), throttled(), kExhausted})
    for (int i = 0; i < 10'000; ++i) {
      call(kMallory, answer);
      pass(milliseconds(20));
    }
  EXPECT_TRUE(is_active());
  EXPECT_EQ(judge.admit(kAlice, now).kind, Admit::kFree);
  EXPECT_TRUE(judge.take_changes().empty());
}

TEST_F(CredentialJudgeTest, SteersThePrincipalAloneAwayThatHadTheTrouble) {
  call(kMallory, throttled(20));
  EXPECT_EQ(judge.admit(kMallory, now).kind, Admit::kDoubted);
  EXPECT_EQ(judge.admit(kAlice, now).kind, Admit::kFree);
  pass(seconds(21));
  EXPECT_EQ(judge.admit(kMallory, now).kind, Admit::kFree);
}

TEST_F(CredentialJudgeTest, HearsCyclesOfGoodAndBadAsOneVoice) {
  for (int i = 0; i < 1000; ++i) {
    call(kMallory, i % 2 == 0 ? kRefused : kGood);
    pass(milliseconds(700));
  }
  EXPECT_TRUE(is_active());
}

TEST_F(CredentialJudgeTest, AddsRefusalsAndThrottlingUpToNothing) {
  call(kMallory, kRefused);
  call(kAlice, throttled(5));
  EXPECT_TRUE(is_active());
}

// --- What several say ----------------------------------------------------------------------------

TEST_F(CredentialJudgeTest, IsThrottledWhenTwoPrincipalsAreAndNobodyIsServed) {
  call(kAlice, throttled(20));
  call(kBob, throttled(20));
  EXPECT_EQ(judge.state(), CredentialState::kThrottled);
  const auto changes = judge.take_changes();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].reason, "throttled");
  EXPECT_EQ(changes[0].principals, 2U);
  EXPECT_EQ(changes[0].against, 0U);
  const Admittance alice = judge.admit(kAlice, now);
  EXPECT_EQ(alice.kind, Admit::kOut);
  EXPECT_EQ(alice.again, now + seconds(20));
}

TEST_F(CredentialJudgeTest, IsInvalidWhenTwoPrincipalsAreRefused) {
  call(kAlice, kRefused);
  call(kBob, kRefused);
  EXPECT_EQ(judge.state(), CredentialState::kInvalid);
}

TEST_F(CredentialJudgeTest, IsExhaustedWhenTwoAreToldSoOrAreThrottledAgainAndAgain) {
  call(kAlice, kExhausted);
  call(kBob, kExhausted);
  EXPECT_EQ(judge.state(), CredentialState::kExhausted);

  judge = {};
  for (int i = 0; i < 6; ++i) {
    call(kAlice, throttled());
    pass(seconds(5));
  }
  for (int i = 0; i < 6; ++i) {
    call(kBob, throttled());
    pass(seconds(5));
  }
  EXPECT_EQ(judge.state(), CredentialState::kExhausted);
}

TEST_F(CredentialJudgeTest, StaysAsLongAsItIsGoodToAnotherMeanwhile) {
  call(kMallory, kRefused);
  call(kAlice, kGood);
  call(kMarvin, kRefused);
  EXPECT_TRUE(is_active());
  call(kAlice, kRefused);  // her last word counts
  EXPECT_EQ(judge.state(), CredentialState::kInvalid);
}

TEST_F(CredentialJudgeTest, TakesMoreThanFourTimesAsManyWhoAreRefusedAsAreNot) {
  call(kMallory, kRefused);
  call(kAlice, kGood);
  for (CredentialJudge::Witness who = 10; who < 13; ++who) call(who, kRefused);
  EXPECT_TRUE(is_active());
  call(13, kRefused);
  EXPECT_EQ(judge.state(), CredentialState::kInvalid);
}

TEST_F(CredentialJudgeTest, ForgetsInTimeWhatOnePrincipalSaid) {
  call(kMallory, kRefused);
  pass(CredentialJudge::kRefusalCounts + seconds(1));
  call(kAlice, kRefused);
  EXPECT_TRUE(is_active());
}

// --- The way back --------------------------------------------------------------------------------

TEST_F(CredentialJudgeTest, IsTriedByWhoeverHadNoTroubleAndComesBackWithOneGoodAnswer) {
  call(kMallory, kRefused);
  call(kMarvin, kRefused);
  EXPECT_EQ(judge.admit(kMallory, now).kind, Admit::kOut);
  EXPECT_EQ(judge.admit(kAlice, now).kind, Admit::kTrial);
  EXPECT_EQ(judge.state(), CredentialState::kRecovering);
  EXPECT_EQ(judge.admit(kBob, now).kind, Admit::kOut);  // a call at a time
  judge.hear(kAlice, judge.period(), kGood, now);
  EXPECT_TRUE(is_active());
  EXPECT_EQ(judge.admit(kBob, now).kind, Admit::kFree);
  expect_legal();
}

TEST_F(CredentialJudgeTest, IsNotKeptFromAThirdByTwoWhoWorkTogether) {
  int served = 0, refused = 0;
  for (int second = 0; second < 600; ++second) {
    call(kMallory, kRefused);
    call(kMarvin, kRefused);
    for (int i = 0; i < 10; ++i) {
      pass(milliseconds(100));
      ++(call(kAlice, kGood) ? served : refused);
    }
  }
  EXPECT_GE(served, 5900);
  EXPECT_LT(refused, 50);
}

TEST_F(CredentialJudgeTest, LetsNobodyHoldOrFailTheTrialsOfOthers) {
  call(kMallory, kRefused);
  call(kAlice, kRefused);  // by a slip of her own
  // Mallory is there first whenever he may be, and fails.
  bool came_back = false;
  for (int i = 0; i < 120 && !came_back; ++i) {
    pass(seconds(1));
    call(kMallory, kRefused);
    call(kAlice, kGood);
    came_back = is_active();
  }
  EXPECT_TRUE(came_back);
}

TEST_F(CredentialJudgeTest, GoesOnBeingOutWhileTrialsComeToNothingAndIsTriedLessAndLess) {
  call(kAlice, kRefused);
  call(kBob, kRefused);
  int trials = 0;
  for (int i = 0; i < 3600; ++i) {
    pass(seconds(1));
    if (call(kAlice, kRefused)) ++trials;
    if (call(kBob, kRefused)) ++trials;
    EXPECT_FALSE(is_active());
  }
  EXPECT_GE(trials, 10);
  EXPECT_LE(trials, 40);
}

TEST_F(CredentialJudgeTest, DoesNotHearOfATimeBeforeTheLastChange) {
  const auto before = judge.period();
  call(kAlice, kRefused);
  call(kBob, kRefused);
  judge.hear(kCarol, before, kGood, now);  // sent before, answered now
  EXPECT_EQ(judge.state(), CredentialState::kInvalid);
  pass(seconds(5));
  const auto out = judge.period();
  EXPECT_TRUE(call(kCarol, kGood));
  ASSERT_TRUE(is_active());
  judge.hear(kAlice, out, kRefused, now);
  judge.hear(kBob, before, kRefused, now);
  EXPECT_TRUE(is_active());
}

TEST_F(CredentialJudgeTest, DoesNotBelieveAnUpstreamAboutHowLong) {
  call(kAlice, throttled(86'400));
  call(kBob, throttled(86'400));
  const Admittance admittance = judge.admit(kAlice, now);
  EXPECT_EQ(admittance.kind, Admit::kOut);
  EXPECT_LE(admittance.again - now, CredentialJudge::kLongestThrottle);
}

// --- What nobody can provoke ---------------------------------------------------------------------

TEST_F(CredentialJudgeTest, BelievesALogInThatIsRefusedAtOnceAndOneThatIsNot) {
  judge.login_was_refused(now);
  EXPECT_EQ(judge.state(), CredentialState::kInvalid);
  EXPECT_EQ(judge.reason(), "login_refused");
  EXPECT_EQ(judge.admit(kAlice, now).kind, Admit::kOut);
  pass(CredentialJudge::kLoginTrial);
  EXPECT_EQ(judge.admit(kAlice, now).kind, Admit::kTrial);
  EXPECT_EQ(judge.state(), CredentialState::kInvalid);
  judge.login_was_good(now);
  EXPECT_TRUE(is_active());
  expect_legal();
}

TEST_F(CredentialJudgeTest, IsOutForGoodWhenItHasExpiredUntilItBeginsAnew) {
  judge.expire(now);
  pass(std::chrono::hours(100));
  EXPECT_EQ(judge.admit(kAlice, now).kind, Admit::kOut);
  judge.login_was_good(now);
  EXPECT_FALSE(is_active());
  judge.begin_anew("enabled", "admin", now);
  EXPECT_TRUE(is_active());
  const auto changes = judge.take_changes();
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[1].actor, "admin");
}

TEST_F(CredentialJudgeTest, RemembersSoManyPrincipalsAndNoMoreAndThoseInTroubleLongest) {
  call(kMallory, kRefused);
  for (CredentialJudge::Witness who = 100; who < 1100; ++who) call(who, kGood);
  EXPECT_EQ(judge.tally(now).in_trouble, 1U);
  EXPECT_LE(judge.tally(now).good, CredentialJudge::kMostWitnesses);
}

TEST_F(CredentialJudgeTest, ChangesLegallyWhateverComes) {
  std::mt19937 random(20261122);
  for (int i = 0; i < 200'000; ++i) {
    const auto who = CredentialJudge::Witness{random() % 5};
    switch (random() % 12) {
      case 0:
        judge.login_was_refused(now);
        break;
      case 1:
        judge.login_was_good(now);
        break;
      case 2:
        if (random() % 50 == 0) judge.expire(now);
        break;
      case 3:
        if (random() % 20 == 0) judge.begin_anew("secret_set", "", now);
        break;
      default: {
        const Testimony answer{static_cast<Kind>(random() % 5), seconds(random() % 3)};
        const auto period = judge.period() - (random() % 8 == 0 ? 1 : 0);
        if (judge.admit(who, now).kind != Admit::kOut) judge.hear(who, period, answer, now);
      }
    }
    for (const StateChange& change : judge.take_changes())
      ASSERT_TRUE(policy::may_become(change.from, change.to))
          << policy::state_name(change.from) << " to " << policy::state_name(change.to);
    pass(milliseconds(random() % 5000));
  }
}

}  // namespace
}  // namespace claviger::gateway
