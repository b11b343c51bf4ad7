// SPDX-License-Identifier: Apache-2.0
#include "store/testing/memory_store.h"

#include "store/testing/store_contract.h"

namespace claviger::store::testing {
namespace {

class MemoryPlace final : public StorePlace {
 public:
  Result<std::unique_ptr<Store>> open() override { return std::make_unique<MemoryStore>(disk_); }
  Result<std::unique_ptr<Store>> open_backup(const std::string& file) override {
    auto copy = std::make_shared<MemoryDisk>();
    copy->state = disk_->backups.at(file);
    return std::make_unique<MemoryStore>(std::move(copy));
  }

 private:
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract,
                         ::testing::Values([] { return std::make_unique<MemoryPlace>(); }));

TEST(MemoryStore, FailsWhenToldTo) {
  MemoryStore store;
  Batch batch;
  add_new(batch, "grant", "a");
  store.fail_writes(true);
  EXPECT_EQ(store.commit(batch).error().code(), Code::kUnavailable);
  const std::uint64_t first = 1;
  EXPECT_EQ(store.forget_outbox({&first, 1}).error().code(), Code::kUnavailable);
  EXPECT_EQ(*store.head(), 0U);
  store.fail_everything(true);
  EXPECT_EQ(store.head().error().code(), Code::kUnavailable);
  store.fail_everything(false);
  store.fail_writes(false);
  EXPECT_TRUE(store.commit(batch).has_value());
}

}  // namespace
}  // namespace claviger::store::testing
