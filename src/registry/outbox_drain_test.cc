// SPDX-License-Identifier: Apache-2.0
#include "registry/outbox_drain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/testing/routed_arena.h"
#include "net/testing/loop_fixture.h"
#include "registry/outbox_event.h"
#include "registry/testing/memory_lane.h"
#include "store/testing/memory_store.h"
#include "vault/testing/throwaway_keys.h"

namespace claviger::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

base::SecretArena& arena = crypto::testing::routed_arena();

class OutboxDrainTest : public ::testing::Test, public net::testing::LoopFixture {
 protected:
  ~OutboxDrainTest() override { thread_.reset(); }

  void put(std::string text) {
    store::Batch batch;
    batch.base = disk_->state.head;
    batch.outbox.push_back(std::move(text));
    ASSERT_TRUE(store_.commit(batch).has_value());
  }
  // Events as the registry numbers them: one for each revision, unless said otherwise.
  std::string sealed(store::Revision revision, std::string_view event, std::uint32_t index = 0,
                     std::uint32_t of = 1) {
    const EventNumber number{.revision = revision, .index = index};
    return seal_event(*keys_, {.number = number.value(), .of = of, .event = event});
  }
  void put_event(std::string_view event) { put(sealed(++revision_, event)); }
  void begin(store::Revision in_log = 0) {
    drain_ = std::make_unique<OutboxDrain>(loop(), *thread_, store_, *keys_, lane_,
                                           EventNumber{.revision = in_log}.value(), log_);
    kick();
  }
  void kick() { drain_->kick({.revision = revision_}); }
  bool is_done() {
    return run_until([&] { return drain_->is_idle(); });
  }

  SystemClock clock_;
  telemetry::Log log_{telemetry::Level::kError, -1, clock_};
  std::shared_ptr<store::testing::MemoryDisk> disk_ = std::make_shared<store::testing::MemoryDisk>();
  store::testing::MemoryStore store_{disk_};
  std::unique_ptr<vault::KeyHolder> keys_ = vault::testing::throwaway_keys(arena);
  std::unique_ptr<net::BackgroundThread> thread_ =
      std::make_unique<net::BackgroundThread>(loop(), "test-store");
  testing::MemoryLane lane_;
  store::Revision revision_ = 0;
  std::unique_ptr<OutboxDrain> drain_;
};

TEST_F(OutboxDrainTest, TakesOverWhatIsThereInOrder) {
  put_event(R"({"n":1})");
  put_event(R"({"n":2})");
  begin();
  ASSERT_TRUE(is_done());
  EXPECT_THAT(lane_.events(), ElementsAre(R"({"n":1})", R"({"n":2})"));
  EXPECT_THAT(lane_.outbox(),
              ElementsAre(EventNumber{.revision = 1}.value(), EventNumber{.revision = 2}.value()));
  EXPECT_TRUE(disk_->state.outbox.empty());
}

TEST_F(OutboxDrainTest, DoesNotRepeatWhatACrashLeftBehindInTheOutbox) {
  put_event(R"({"n":1})");
  put_event(R"({"n":2})");
  begin(1);
  ASSERT_TRUE(is_done());
  EXPECT_THAT(lane_.events(), ElementsAre(R"({"n":2})"));
  EXPECT_TRUE(disk_->state.outbox.empty());
}

TEST_F(OutboxDrainTest, ForgetsNothingThatTheLogHasNotSynced) {
  lane_.stop_syncing();
  put_event(R"({"n":1})");
  begin();
  EXPECT_TRUE(run_until([&] { return !lane_.events().empty(); }));
  for (int i = 0; i < 5; ++i) loop().turn(std::chrono::milliseconds(20));
  EXPECT_EQ(disk_->state.outbox.size(), 1U);
  lane_.sync_again();
  ASSERT_TRUE(is_done());
  EXPECT_TRUE(disk_->state.outbox.empty());
}

TEST_F(OutboxDrainTest, PutsAMarkWhereAnEntryIsNotItsOwn) {
  put("not json");
  put(R"({"v":1,"type":"upstream.changed","actor":"somebody else"})");
  std::string altered = sealed(1, R"({"actor":"mallory"})");
  altered.replace(altered.find("mallory"), 7, "admin__");
  put(altered);
  put_event(R"({"n":1})");
  begin();
  ASSERT_TRUE(is_done());
  ASSERT_EQ(lane_.events().size(), 4U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_THAT(lane_.events()[i], HasSubstr("outbox.refused"));
    EXPECT_EQ(lane_.outbox()[i], 0U);  // takes no number away from a true one
  }
  EXPECT_EQ(lane_.events()[3], R"({"n":1})");
}

TEST_F(OutboxDrainTest, PutsAMarkWhereAnEventComesOnceMore) {
  put_event(R"({"n":1})");
  begin();
  ASSERT_TRUE(is_done());
  put(sealed(1, R"({"n":1})"));
  kick();
  ASSERT_TRUE(is_done());
  ASSERT_EQ(lane_.events().size(), 2U);
  EXPECT_THAT(lane_.events()[1], HasSubstr("once more"));
}

TEST_F(OutboxDrainTest, PutsAMarkWhereEventsWereTakenOut) {
  put_event(R"({"n":1})");
  begin();
  ASSERT_TRUE(is_done());
  ++revision_;  // its entry is gone
  put_event(R"({"n":3})");
  kick();
  ASSERT_TRUE(is_done());
  ASSERT_EQ(lane_.events().size(), 3U);
  EXPECT_THAT(lane_.events()[1], HasSubstr("outbox.gap"));
  EXPECT_EQ(lane_.events()[2], R"({"n":3})");
}

TEST_F(OutboxDrainTest, PutsAMarkWhereTheLastEventWasTakenOut) {
  put_event(R"({"n":1})");
  begin();
  ASSERT_TRUE(is_done());
  ++revision_;
  kick();
  ASSERT_TRUE(is_done());
  ASSERT_EQ(lane_.events().size(), 2U);
  EXPECT_THAT(lane_.events()[1], HasSubstr("outbox.gap"));
}

TEST_F(OutboxDrainTest, MissesOneEventOfSeveralOfARevision) {
  put(sealed(1, R"({"n":1})", 0, 3));
  put(sealed(1, R"({"n":2})", 1, 3));
  put(sealed(2, R"({"n":4})"));
  revision_ = 2;
  begin();
  ASSERT_TRUE(is_done());
  ASSERT_EQ(lane_.events().size(), 4U);
  EXPECT_THAT(lane_.events()[2], HasSubstr("outbox.gap"));
}

TEST_F(OutboxDrainTest, TakesEventsInTheirOwnOrderWhateverThatOfTheRows) {
  put(sealed(2, R"({"n":2})"));
  put(sealed(1, R"({"n":1})"));
  revision_ = 2;
  begin();
  ASSERT_TRUE(is_done());
  EXPECT_THAT(lane_.events(), ElementsAre(R"({"n":1})", R"({"n":2})"));
}

TEST_F(OutboxDrainTest, GoesOnInANewEra) {
  put(seal_event(*keys_,
                 {.number = EventNumber{.era = 1, .revision = 3}.value(), .of = 1, .event = R"({"n":3})"}));
  drain_ = std::make_unique<OutboxDrain>(loop(), *thread_, store_, *keys_, lane_,
                                         EventNumber{.revision = 9}.value(), log_);
  drain_->kick({.era = 1, .revision = 3});
  ASSERT_TRUE(is_done());
  EXPECT_THAT(lane_.events(), ElementsAre(R"({"n":3})"));
}

}  // namespace
}  // namespace claviger::registry
