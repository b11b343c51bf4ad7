// SPDX-License-Identifier: Apache-2.0
#include "server/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "net/testing/loop_fixture.h"

namespace claviger::server {
namespace {

using ::testing::ElementsAre;

// A gateway that writes down what is done to it. Resources are read when the test says so.
class ReloadTest : public ::testing::Test, public net::testing::LoopFixture {
 protected:
  Reload::Steps steps() {
    return {.read_config = [this]() -> Result<Config> {
              did_.emplace_back("config");
              return config_;
            },
            .read_certificates = [this](const Config&) -> Result<Reload::Certificates> {
              did_.emplace_back("certificates");
              if (bad_certificate_)
                return Error(Code::kInvalid, Blame::kOperator, "server.pem: no certificate");
              return Reload::Certificates();
            },
            .read_resources = [this] { return read_resources(); },
            .take_over = [this](Config config, Reload::Certificates) { return take_over(std::move(config)); },
            .report = [this](const Result<Reload::Outcome>& outcome) { reported_.push_back(outcome); }};
  }

  net::Task<Result<std::uint64_t>> read_resources() {
    did_.emplace_back("resources");
    while (slow_) co_await loop().yield();
    if (bad_resources_) co_return Error(Code::kInvalid, Blame::kOperator, "grants.yaml:3: unknown principal");
    co_return std::uint64_t{7};
  }
  net::Task<void> take_over(Config config) {
    did_.emplace_back("take over");
    running_ = std::move(config);
    co_return;
  }
  void ask() {
    reload_.ask();
    loop().turn(std::chrono::milliseconds(0));
  }

  Config running_ = default_config();
  Result<Config> config_ = default_config();  // as it stands in the file
  bool bad_certificate_ = false, bad_resources_ = false, slow_ = false;
  std::vector<std::string> did_;
  std::vector<Result<Reload::Outcome>> reported_;
  Reload reload_{running_, steps()};
};

TEST_F(ReloadTest, TakesOverWhatItHasReadAndSaysWhatChanged) {
  config_->limits.body = 1;
  ask();
  EXPECT_THAT(did_, ElementsAre("config", "certificates", "resources", "take over"));
  EXPECT_EQ(running_.limits.body, 1U);
  ASSERT_EQ(reported_.size(), 1U);
  EXPECT_EQ(reported_[0]->revision, 7U);
  EXPECT_EQ(reported_[0]->changed, "limits.body");
}

TEST_F(ReloadTest, TouchesNothingWhenTheFileIsBad) {
  config_ = Error(Code::kInvalid, Blame::kOperator, "c.yaml:3: unknown key");
  ask();
  EXPECT_THAT(did_, ElementsAre("config"));
  ASSERT_EQ(reported_.size(), 1U);
  EXPECT_EQ(reported_[0].error().what(), "c.yaml:3: unknown key");
}

TEST_F(ReloadTest, TouchesNothingWhenSomethingNeedsARestart) {
  config_->workers = 9;
  config_->limits.body = 1;
  ask();
  EXPECT_THAT(did_, ElementsAre("config"));
  ASSERT_EQ(reported_.size(), 1U);
  EXPECT_EQ(reported_[0].error().what(), "needs a restart: gateway.workers");
  EXPECT_NE(running_.limits.body, 1U);
}

TEST_F(ReloadTest, TouchesNothingWhenACertificateIsBad) {
  bad_certificate_ = true;
  ask();
  EXPECT_THAT(did_, ElementsAre("config", "certificates"));
  EXPECT_FALSE(reported_.at(0).has_value());
}

TEST_F(ReloadTest, TakesNothingOverWhenAResourceIsBad) {
  bad_resources_ = true;
  config_->limits.body = 1;
  ask();
  EXPECT_THAT(did_, ElementsAre("config", "certificates", "resources"));
  EXPECT_FALSE(reported_.at(0).has_value());
  EXPECT_NE(running_.limits.body, 1U);
}

TEST_F(ReloadTest, GoesOnAfterOneThatFailed) {
  bad_resources_ = true;
  ask();
  bad_resources_ = false;
  ask();
  ASSERT_EQ(reported_.size(), 2U);
  EXPECT_TRUE(reported_[1].has_value());
}

TEST_F(ReloadTest, MakesOneMoreOfHoweverManyAreAskedForMeanwhile) {
  slow_ = true;
  for (int i = 0; i < 100; ++i) ask();
  EXPECT_TRUE(reported_.empty());
  slow_ = false;
  EXPECT_TRUE(run_until([&] { return reported_.size() == 2; }));
  for (int i = 0; i < 10; ++i) loop().turn(std::chrono::milliseconds(0));
  EXPECT_EQ(reported_.size(), 2U);
}

TEST_F(ReloadTest, TheLastOneReadsWhatWasThereWhenItWasAskedFor) {
  slow_ = true;
  ask();
  config_->limits.body = 2;
  ask();
  slow_ = false;
  EXPECT_TRUE(run_until([&] { return reported_.size() == 2; }));
  EXPECT_EQ(running_.limits.body, 2U);
}

TEST_F(ReloadTest, IsNotBegunOnceItHasStopped) {
  slow_ = true;
  ask();
  ask();
  reload_.stop();
  ask();
  slow_ = false;
  EXPECT_TRUE(run_until([&] { return reported_.size() == 1; }));
  for (int i = 0; i < 10; ++i) loop().turn(std::chrono::milliseconds(0));
  EXPECT_EQ(reported_.size(), 1U);
}

}  // namespace
}  // namespace claviger::server
