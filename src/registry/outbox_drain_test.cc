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
  void put_event(std::string_view event) { put(seal_event(*keys_, event)); }
  void begin(std::uint64_t in_log = 0) {
    drain_ = std::make_unique<OutboxDrain>(loop(), *thread_, store_, *keys_, lane_, in_log, log_);
    drain_->kick();
  }
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
  std::unique_ptr<OutboxDrain> drain_;
};

TEST_F(OutboxDrainTest, TakesOverWhatIsThereInOrder) {
  put_event(R"({"n":1})");
  put_event(R"({"n":2})");
  begin();
  ASSERT_TRUE(is_done());
  EXPECT_THAT(lane_.events(), ElementsAre(R"({"n":1})", R"({"n":2})"));
  EXPECT_THAT(lane_.outbox(), ElementsAre(1U, 2U));
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
  std::string altered = seal_event(*keys_, R"({"actor":"mallory"})");
  altered.replace(altered.find("mallory"), 7, "admin__");
  put(altered);
  put_event(R"({"n":4})");
  begin();
  ASSERT_TRUE(is_done());
  ASSERT_EQ(lane_.events().size(), 4U);
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(lane_.events()[static_cast<std::size_t>(i)], HasSubstr("outbox.refused"));
  EXPECT_EQ(lane_.events()[3], R"({"n":4})");
}

}  // namespace
}  // namespace claviger::registry
