// SPDX-License-Identifier: Apache-2.0
#include "gateway/credential_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace claviger::gateway {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = Testimony::Kind;
using policy::CredentialState;

class ClockThatIsSet final : public Clock {
 public:
  Monotonic monotonic() const noexcept override { return monotonic_; }
  WallTime wall() const noexcept override { return wall_; }
  void pass(seconds time) {
    monotonic_ += time;
    wall_ += time;
  }

 private:
  Monotonic monotonic_{std::chrono::hours(1000)};
  WallTime wall_{std::chrono::hours(500'000)};
};

struct CredentialDeskTest : ::testing::Test {
  ClockThatIsSet clock;
  telemetry::Log log{telemetry::Level::kError, -1, clock};
  CredentialLives lives;
  std::vector<std::string> events;
  std::vector<CredentialLives::Use> saved;
  CredentialDesk desk{{clock, lives, log,
                       [this](audit::Event event) { events.push_back(std::move(event).text()); },
                       [this](auto uses) { saved = std::move(uses); }}};
  std::vector<policy::CredentialResource> resources = {resource("main")};
  World world = make_world();

  policy::CredentialResource resource(std::string name) const {
    policy::CredentialResource made;
    made.name = std::move(name);
    made.upstream = "api";
    made.version = 1;
    made.id = 1;
    made.set_at = clock.wall();
    return made;
  }
  World make_world() {
    auto runtime = std::make_shared<UpstreamRuntime>();
    policy::Upstream upstream;
    upstream.credentials = resources;
    for (const auto& each : resources)
      if (each.state == CredentialState::kActive)
        runtime->credentials.push_back(
            {.credential = nullptr, .version = each.version, .life = lives.of(each)});
    runtime->source = std::make_shared<const policy::Upstream>(std::move(upstream));
    World made;
    made.upstreams = std::make_shared<const UpstreamTable>(UpstreamTable{std::move(runtime)});
    return made;
  }
  CredentialLife& life() { return *lives.find("main"); }
  void say(std::string_view principal, Kind kind) {
    std::uint32_t period = 0;
    if (life().admit(principal, clock.monotonic(), period).kind != Admittance::Kind::kOut)
      life().answered(principal, period, {kind}, clock.monotonic());
  }
  void look(bool can_tell = true) { desk.look(world, can_tell); }
  CredentialReport report() { return report_on(resources[0], lives, clock.wall(), clock.monotonic()); }
};

TEST_F(CredentialDeskTest, TellsOfAChangeWithWhatSpeaksForIt) {
  say("alice", Kind::kRefused);
  look();
  EXPECT_THAT(events, IsEmpty());
  say("bob", Kind::kRefused);
  look();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_THAT(events[0],
              HasSubstr(R"("credential":"main","upstream":"api","version":1,"from":"active","to":"invalid",)"
                        R"("reason":"refused","evidence":{"principals":2,"against":0,"changes":1})"));
}

TEST_F(CredentialDeskTest, TellsOfWhatComesAndGoesEveryTenSecondsAsItIsByThen) {
  for (int i = 0; i < 300; ++i) {
    say("alice", Kind::kThrottled);
    say("bob", Kind::kThrottled);
    clock.pass(seconds(1));
    say("carol", Kind::kGood);
    look();
  }
  EXPECT_LE(events.size(), 31U);
}

TEST_F(CredentialDeskTest, TellsWhatAnOperatorDidThoughItWasGoodBefore) {
  say("alice", Kind::kRefused);
  say("bob", Kind::kRefused);
  life().begin_anew("enabled", "admin", clock.monotonic());
  look();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_THAT(events[0], HasSubstr(R"("from":"invalid","to":"active","reason":"enabled","actor":"admin")"));
}

TEST_F(CredentialDeskTest, KeepsWhatItCannotTellNow) {
  say("alice", Kind::kRefused);
  say("bob", Kind::kRefused);
  look(false);
  EXPECT_THAT(events, IsEmpty());
  clock.pass(seconds(1));
  look();
  EXPECT_EQ(events.size(), 1U);
}

TEST_F(CredentialDeskTest, TakesOutWhatHasExpiredAtOnceAndTakesItBackWhenItHasNot) {
  resources[0].expires = clock.wall() + seconds(60);
  world = make_world();
  look();
  EXPECT_TRUE(life().is_usable());
  EXPECT_THAT(report().warnings, ElementsAre(HasSubstr("expires in 1 minutes")));
  clock.pass(seconds(60));
  look();
  EXPECT_FALSE(life().is_usable());
  EXPECT_EQ(report().state, CredentialState::kInvalid);
  EXPECT_THAT(report().warnings, ElementsAre(HasSubstr("has expired")));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_THAT(events[0], HasSubstr(R"("reason":"expired")"));
  resources[0].expires.reset();
  world = make_world();
  look();
  EXPECT_TRUE(life().is_usable());
}

TEST_F(CredentialDeskTest, GoesByTheCertificateWhereThatExpiresFirst) {
  life().set_good_until(clock.wall() + seconds(5));
  clock.pass(seconds(5));
  look();
  EXPECT_FALSE(life().is_usable());
}

TEST_F(CredentialDeskTest, SavesWhenCredentialsWereUsedEveryFewMinutesAndOnlyWhatChanged) {
  look();
  life().used(clock.wall());
  clock.pass(seconds(299));
  look();
  EXPECT_THAT(saved, IsEmpty());
  clock.pass(seconds(1));
  look();
  ASSERT_EQ(saved.size(), 1U);
  EXPECT_EQ(saved[0].name, "main");
  saved.clear();
  desk.save_uses();
  EXPECT_THAT(saved, IsEmpty());
}

TEST_F(CredentialDeskTest, SaysWhenASecretIsDueAheadOfTimeAndAfterAnIncident) {
  EXPECT_EQ(report().rotation, Rotation::kNone);
  EXPECT_EQ(report().rotate_by, clock.wall() + std::chrono::days(90));
  clock.pass(std::chrono::days(77));
  EXPECT_EQ(report().rotation, Rotation::kSoon);
  clock.pass(std::chrono::days(14));
  EXPECT_EQ(report().rotation, Rotation::kDue);
  EXPECT_THAT(
      report().warnings,
      ElementsAre(HasSubstr("is due for rotation: its secret is 91 days old, and rotate_after is 90 days")));
  resources[0].rotate_after.reset();
  EXPECT_EQ(report().rotation, Rotation::kNone);
  resources[0].rotation_required = clock.wall();
  EXPECT_EQ(report().rotation, Rotation::kRequired);
  resources[0].from = "file:/x";
  resources[0].rotation_required = {};
  EXPECT_FALSE(report().age.has_value());
}

TEST_F(CredentialDeskTest, CallsACredentialMissingWhoseSourceHasGivenNothingYet) {
  resources[0].from = "file:/x";
  EXPECT_EQ(report().state, CredentialState::kActive);
  resources[0].version = 0;
  EXPECT_EQ(report().state, CredentialState::kMissing);
  resources[0].state = CredentialState::kDisabled;
  EXPECT_EQ(report().state, CredentialState::kDisabled);
}

TEST_F(CredentialDeskTest, ShowsAHundredCredentialsInMetricsAndTheWorstOfTheRest) {
  resources.clear();
  for (int i = 0; i < 150; ++i) resources.push_back(resource("c" + std::to_string(1000 + i)));
  resources[120].set_at = clock.wall() - std::chrono::days(100);
  resources[121].state = CredentialState::kDisabled;
  resources[122].state = CredentialState::kRevoked;
  world = make_world();
  const std::string page = desk.expose(world);
  EXPECT_THAT(page, HasSubstr(R"(claviger_credentials{state="active"} 148)"));
  EXPECT_THAT(page, HasSubstr(R"(claviger_credentials{state="revoked"} 1)"));
  EXPECT_THAT(page,
              HasSubstr(R"x(claviger_credential_rotation_due{credential="(other)",upstream="(other)"} 1)x"));
  EXPECT_THAT(page, HasSubstr(R"x(claviger_credential_usable{credential="(other)",upstream="(other)"} 0)x"));
  EXPECT_THAT(
      page,
      HasSubstr(R"x(claviger_credential_age_seconds{credential="(other)",upstream="(other)"} 8640000)x"));
}

}  // namespace
}  // namespace claviger::gateway
