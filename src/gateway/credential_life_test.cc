// SPDX-License-Identifier: Apache-2.0
#include "gateway/credential_life.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "gateway/credential_lives.h"
#include "gateway/credential_testimony.h"

namespace claviger::gateway {
namespace {

using std::chrono::seconds;
using Kind = Testimony::Kind;

const Monotonic kNow{std::chrono::hours(1000)};

policy::CredentialResource credential(std::uint32_t version, std::uint64_t id = 7) {
  policy::CredentialResource resource;
  resource.name = "main";
  resource.upstream = "api";
  resource.version = version;
  resource.id = id;
  return resource;
}

void say(CredentialLife& life, std::string_view principal, Testimony said, Monotonic now = kNow) {
  std::uint32_t period = 0;
  if (life.admit(principal, now, period).kind != Admittance::Kind::kOut)
    life.answered(principal, period, said, now);
}

TEST(CredentialLife, IsOutForAllWhenTwoPrincipalsAreRefusedAndBackByATrial) {
  CredentialLife life("main", "api", 1);
  say(life, "alice", {Kind::kRefused});
  EXPECT_TRUE(life.is_usable());
  say(life, "bob", {Kind::kRefused});
  EXPECT_FALSE(life.is_usable());
  EXPECT_EQ(life.view(kNow).state, policy::CredentialState::kInvalid);
  say(life, "carol", {Kind::kGood}, kNow + seconds(5));
  EXPECT_TRUE(life.is_usable());
}

TEST(CredentialLife, HearsAPrincipalOnceHoweverManyCallsItMakes) {
  CredentialLife life("main", "api", 1);
  for (int i = 0; i < 100'000; ++i)
    say(life, "mallory", {Kind::kRefused}, kNow + std::chrono::microseconds(i * 10));
  EXPECT_TRUE(life.is_usable());
  EXPECT_EQ(life.view(kNow + seconds(1)).doubts.in_trouble, 1U);
}

TEST(CredentialLife, RemembersToTheSecondWhenItWasUsedLastAndNeverGoesBack) {
  CredentialLife life("main", "api", 1);
  EXPECT_EQ(life.last_used(), WallTime());
  const WallTime when{std::chrono::hours(500'000)};
  life.used(when + std::chrono::milliseconds(1700));
  EXPECT_EQ(life.last_used(), when + seconds(1));
  life.used(when);
  EXPECT_EQ(life.last_used(), when + seconds(1));
}

TEST(CredentialLife, StandsWhatManyWorkersSayAtOnce) {
  CredentialLife life("main", "api", 1);
  std::vector<std::jthread> workers;
  for (int worker = 0; worker < 4; ++worker)
    workers.emplace_back([&life, worker] {
      const std::string name = "p" + std::to_string(worker);
      for (int i = 0; i < 5000; ++i)
        say(life, name, {i % 3 == 0 ? Kind::kGood : Kind::kRefused}, kNow + std::chrono::milliseconds(i));
    });
  workers.clear();
  for (const StateChange& change : life.tick(kNow + seconds(6)))
    EXPECT_TRUE(policy::may_become(change.from, change.to));
}

TEST(CredentialLives, AreTheSameInAllWorldsUntilTheSecretIsAnother) {
  CredentialLives lives;
  const auto first = lives.of(credential(1));
  EXPECT_EQ(lives.of(credential(1)), first);
  first->used(WallTime(std::chrono::hours(500'000)));
  const auto second = lives.of(credential(2));
  EXPECT_NE(second, first);
  EXPECT_EQ(second->last_used(), first->last_used());
  EXPECT_EQ(lives.find("main"), second);
  EXPECT_EQ(lives.of(credential(1)), first);  // of a world that is still in use
}

TEST(CredentialLives, KnowAnotherCredentialOfTheSameNameFromTheFormer) {
  CredentialLives lives;
  lives.of(credential(1, 7))->used(WallTime(std::chrono::hours(500'000)));
  EXPECT_NE(lives.last_used("main"), WallTime());
  EXPECT_EQ(lives.of(credential(1, 8))->last_used(), WallTime());
  EXPECT_EQ(lives.last_used("main"), WallTime());
}

TEST(CredentialLives, AreKeptThoughNoWorldHasThem) {
  CredentialLives lives;
  lives.of(credential(1))->login_was_refused(kNow);
  EXPECT_EQ(lives.of(credential(1))->view(kNow).state, policy::CredentialState::kInvalid);
  const auto in_use = lives.of(credential(1));
  (void)lives.of(credential(2));  // of a change that comes to nothing
  EXPECT_EQ(lives.find("main"), in_use);
}

TEST(CredentialLives, GoOnAfterARestartFromWhenItWasUsedLast) {
  CredentialLives lives;
  const WallTime when{std::chrono::hours(500'000)};
  lives.was_used("main", when);
  const auto life = lives.of(credential(3));
  EXPECT_EQ(life->last_used(), when);
  life->used(when + seconds(9));
  const auto uses = lives.uses();
  ASSERT_EQ(uses.size(), 1U);
  EXPECT_EQ(uses[0].last, when + seconds(9));
}

// --- What answers say ----------------------------------------------------------------------------

struct Answer {
  http::ResponseHead head;
  Answer(unsigned status, std::string_view name = {}, std::string_view value = {}) {
    head.status = status;
    if (!name.empty()) head.fields.add({name, value, http::classify(name)});
  }
};

Testimony said(const Answer& answer) { return testimony_of(answer.head, WallTime(seconds(784'111'777))); }

TEST(CredentialTestimony, IsTakenOfWhatPointsAtTheCredentialAlone) {
  EXPECT_EQ(said({200}).kind, Kind::kGood);
  EXPECT_EQ(said({204}).kind, Kind::kGood);
  EXPECT_EQ(said({401}).kind, Kind::kRefused);
  EXPECT_EQ(said({402}).kind, Kind::kExhausted);
  EXPECT_EQ(said({429}).kind, Kind::kThrottled);
  for (const unsigned status : {301U, 302U, 400U, 403U, 404U, 405U, 413U, 422U, 500U, 502U, 503U})
    EXPECT_EQ(said({status}).kind, Kind::kNothing) << status;
}

TEST(CredentialTestimony, ReadsWhatAChallengeSaysOfTheToken) {
  EXPECT_EQ(said({403, "WWW-Authenticate", R"(Bearer error="invalid_token")"}).kind, Kind::kRefused);
  EXPECT_EQ(said({403, "WWW-Authenticate", R"(Bearer error="insufficient_scope")"}).kind, Kind::kNothing);
  EXPECT_EQ(said({401, "www-authenticate", R"(Bearer error="insufficient_scope")"}).kind, Kind::kNothing);
}

TEST(CredentialTestimony, ReadsRetryAfterAsSecondsOrATimeAndNonsenseAsNothing) {
  const WallTime now{seconds(784'111'777)};  // Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(read_retry_after("30", now), seconds(30));
  EXPECT_EQ(read_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), seconds(60));
  EXPECT_EQ(read_retry_after("Sun, 06 Nov 1994 08:40:37 GMT", now), seconds(0));
  EXPECT_EQ(read_retry_after("99999999999999999999", now), std::chrono::hours(24));
  EXPECT_EQ(read_retry_after("31536000", now), std::chrono::hours(24));
  for (const std::string_view nonsense :
       {"", "-1", "+1", "1.5", "soon", "0x10", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Feb 2094 08:49:37 GMT", "Sun, -6 Nov 2094 08:49:37 GMT", "Sun, 06 Nov 2094 25:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT"})
    EXPECT_EQ(read_retry_after(nonsense, now), seconds(0)) << nonsense;
}

}  // namespace
}  // namespace claviger::gateway
