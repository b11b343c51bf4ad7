// SPDX-License-Identifier: Apache-2.0
// What is promised of every sink, whatever it sends to.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/document.h"
#include "base/json.h"
#include "base/parse.h"
#include "sinks/record.h"
#include "sinks/testing/stand.h"

namespace claviger::sinks {
namespace {

using audit::testing::kSampleOrigin;
using audit::testing::sample_event;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

struct Kind {
  const char* name;
  std::function<std::unique_ptr<testing::Peer>(const std::string& directory)> make;
};

class SinkContract : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { peer_ = GetParam().make(stand_.directory.path()); }
  void TearDown() override { sink_.reset(); }

  void start(std::size_t batch = std::size_t{1} << 20) {
    sink_ = stand_.make_sink(peer_->make_outlet(stand_.around()), batch);
    sink_->start();
  }
  bool gets(std::uint64_t events) {
    return stand_.pass_until([&] { return has_event(events - 1) && sink_->state().behind_events == 0; },
                             peer_.get());
  }
  bool has_event(std::uint64_t number) {
    const std::string begin = R"({"id":")" + event_id(kSampleOrigin, number) + '"';
    return std::ranges::any_of(peer_->records(),
                               [&](const std::string& record) { return record.starts_with(begin); });
  }

  // Where each record came first.
  std::map<std::string, std::size_t> places() {
    std::map<std::string, std::size_t> found;
    std::size_t at = 0;
    for (const std::string& record : peer_->records()) {
      const auto parsed = base::parse_json(record, "record");
      EXPECT_TRUE(parsed.has_value()) << record;
      if (parsed.has_value()) found.try_emplace(parsed->entries.front().second.scalar, at++);
    }
    return found;
  }

  // All events from `first` up to `end`, in order, and each checkpoint behind what it covers.
  void expect_in_order(std::uint64_t first, std::uint64_t end, std::uint64_t every) {
    const auto found = places();
    std::size_t before = 0;
    for (std::uint64_t number = first; number < end; ++number) {
      const auto at = found.find(event_id(kSampleOrigin, number));
      ASSERT_NE(at, found.end()) << "event " << number << " is missing";
      if (number > first) EXPECT_GT(at->second, before) << "event " << number;
      before = at->second;
    }
    for (std::uint64_t size = first + every; size <= end; size += every) {
      const auto at = found.find(checkpoint_id(kSampleOrigin, size));
      ASSERT_NE(at, found.end()) << "the checkpoint of " << size << " events is missing";
      EXPECT_GT(at->second, found.at(event_id(kSampleOrigin, size - 1)));
      if (size < end) EXPECT_LT(at->second, found.at(event_id(kSampleOrigin, size)));
    }
  }

  testing::Stand stand_;
  std::unique_ptr<testing::Peer> peer_;
  std::unique_ptr<Sink> sink_;
};

TEST_P(SinkContract, SendsEveryEventInOrderAndCheckpointsBehindWhatTheyCover) {
  stand_.write_log(50, 10);
  start();
  ASSERT_TRUE(gets(50));
  expect_in_order(0, 50, 10);
  stand_.write_log(20, 10);
  ASSERT_TRUE(gets(70));
  expect_in_order(0, 70, 10);
  EXPECT_EQ(sink_->state().sent, 70U);
  EXPECT_EQ(sink_->state().failed, 0U);
}

TEST_P(SinkContract, GivesTheLineOfTheLogToWhoeverTakesTheIdOut) {
  stand_.write_log(1, 0);
  start();
  ASSERT_TRUE(gets(1));
  const std::string id = R"({"id":"claviger/test/0",)";
  EXPECT_EQ(peer_->records().front(), id + sample_event(0).substr(1));
}

TEST_P(SinkContract, SendsInBatchesWhatDoesNotFitOne) {
  stand_.write_log(600, 100);
  start(16 << 10);
  ASSERT_TRUE(gets(600));
  expect_in_order(0, 600, 100);
}

TEST_P(SinkContract, SendsOnlyWhatIsSynced) {
  stand_.write_log(20, 10);
  stand_.extent = {.synced = 5, .checkpointed = 0};
  start();
  ASSERT_TRUE(gets(5));
  stand_.pass(3s, peer_.get());
  EXPECT_FALSE(has_event(5));
  stand_.extent = {.synced = 20, .checkpointed = 20};
  ASSERT_TRUE(gets(20));
  expect_in_order(0, 20, 10);
}

TEST_P(SinkContract, GoesOnFromItsPositionAfterARestart) {
  stand_.write_log(30, 10);
  start();
  ASSERT_TRUE(gets(30));
  stand_.pass(8s, peer_.get());  // beyond doubt
  sink_.reset();
  const std::size_t before = peer_->records().size();
  stand_.write_log(10, 10);
  start();
  ASSERT_TRUE(gets(40));
  EXPECT_EQ(peer_->records().size(), before + 10 + 1);  // nothing twice: ten events and a checkpoint
  expect_in_order(0, 40, 10);
}

TEST_P(SinkContract, LosesNothingWhenItIsKilledBeforeItsPositionWasSaved) {
  stand_.write_log(10, 10);
  start();
  ASSERT_TRUE(gets(10));
  sink_.reset();
  std::filesystem::remove_all(stand_.directory.path("sinks"));
  stand_.write_log(10, 10);
  start();
  ASSERT_TRUE(gets(20));
  expect_in_order(0, 20, 10);
}

TEST_P(SinkContract, SendsAgainUntilThePeerIsBackAndLeavesNothingOut) {
  stand_.write_log(20, 10);
  start(16 << 10);
  ASSERT_TRUE(gets(20));
  peer_->set_up(false);
  stand_.write_log(600, 10);
  stand_.pass(100s, peer_.get());
  const SinkState down = sink_->state();
  EXPECT_GT(down.behind_events, 0U);
  EXPECT_EQ(down.failing, peer_->fails_when_down()) << down.failure;
  if (peer_->fails_when_down()) {
    EXPECT_THAT(down.failure, Not(IsEmpty()));
    EXPECT_GE(down.failed, 3U);
    EXPECT_LE(down.failed, 12U);  // 1, 2, 4, 8, ... s, and not more often
  }
  peer_->set_up(true);
  ASSERT_TRUE(gets(620));
  expect_in_order(0, 620, 10);
  stand_.pass(6s, peer_.get());
  EXPECT_FALSE(sink_->state().failing);
}

TEST_P(SinkContract, TellsTheAgeOfTheOldestEventForAsLongAsItFails) {
  stand_.write_log(20, 10);
  start(16 << 10);
  ASSERT_TRUE(gets(20));
  peer_->set_up(false);
  stand_.write_log(600, 10);
  const Monotonic end = stand_.clock.monotonic() + 40s;
  std::uint64_t least = UINT64_MAX;
  const auto look = [&] {
    const SinkState state = sink_->state();
    if (state.failing && state.behind_events > 0) least = std::min(least, state.behind_seconds);
    return stand_.clock.monotonic() >= end;
  };
  ASSERT_TRUE(stand_.pass_until(look, peer_.get()));
  // All of the sample are of the same time, long ago.
  const auto age = stand_.clock.wall() - *base::parse_rfc3339("2026-01-01T00:00:00.000Z");
  if (peer_->fails_when_down()) EXPECT_NEAR(static_cast<double>(least), static_cast<double>(age / 1s), 60);
  else EXPECT_EQ(least, UINT64_MAX);
  peer_->set_up(true);
  ASSERT_TRUE(gets(620));
  stand_.pass(8s, peer_.get());
  EXPECT_EQ(sink_->state().behind_seconds, 0U);
}

TEST_P(SinkContract, TellsOfWhatWasPrunedBeforeItWasSentAndGoesOn) {
  stand_.write_log(5, 5);
  start();
  ASSERT_TRUE(gets(5));
  stand_.pass(8s, peer_.get());
  sink_.reset();
  stand_.write_log(25, 5);
  stand_.split_log(20);
  stand_.prune_first_segment();
  start();
  ASSERT_TRUE(gets(30));
  expect_in_order(20, 30, 5);
  EXPECT_FALSE(has_event(19));
  EXPECT_EQ(sink_->state().lost, 15U);
  EXPECT_THAT(stand_.recorded,
              ElementsAre(HasSubstr(R"("type":"audit.sink_gap","sink":"any","first":5,"end":20)")));
}

TEST_P(SinkContract, GoesOverToTheNextSegment) {
  stand_.write_log(30, 10);
  stand_.split_log(20);
  start();
  ASSERT_TRUE(gets(30));
  expect_in_order(0, 30, 10);
}

TEST_P(SinkContract, BeginsAnewWhereTheLogHasNoSuchPlace) {
  stand_.write_log(30, 10);
  const PositionFile file(stand_.directory.path(), "any", kSampleOrigin);
  ASSERT_TRUE(file.save({{99, 0, 12345}, 90}).has_value());
  start();
  ASSERT_TRUE(gets(30));
  expect_in_order(0, 30, 10);
}

TEST_P(SinkContract, CanBeEndedAtAnyTime) {
  stand_.write_log(600, 10);
  for (int turns = 0; turns < 12; ++turns) {
    start(16 << 10);
    for (int i = 0; i < turns; ++i) {
      peer_->serve();
      stand_.loop.loop().turn(1ms);
    }
    sink_.reset();
  }
  start(16 << 10);
  ASSERT_TRUE(gets(600));
}

INSTANTIATE_TEST_SUITE_P(
    All, SinkContract,
    ::testing::Values(
        Kind{"File", [](const auto& directory) { return testing::make_file_peer(directory + "/copy"); }},
        Kind{"Stdout", [](const auto&) { return testing::make_pipe_peer(); }},
        Kind{"Syslog", [](const auto&) { return testing::make_syslog_peer(); }},
        Kind{"Webhook", [](const auto&) { return testing::make_webhook_peer(); }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace claviger::sinks
