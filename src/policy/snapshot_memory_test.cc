// SPDX-License-Identifier: Apache-2.0
// What snapshots allocate: how much for each key, how much a change, and that what was superseded is given back.
#include <gtest/gtest.h>
#include <sanitizer/allocator_interface.h>

#include "policy/draft.h"
#include "policy/testing/resources.h"

namespace claviger::policy {
namespace {

#if __has_feature(address_sanitizer)
constexpr std::ptrdiff_t kHeader =
    16;  // of each allocation, at most, in the allocators that the gateway runs with
constexpr int kKeys = 100'000;

std::ptrdiff_t in_use = 0;
std::size_t allocations = 0;

std::ptrdiff_t size_of(const volatile void* memory) {
  return static_cast<std::ptrdiff_t>(__sanitizer_get_allocated_size(memory)) + kHeader;
}

std::string key_id(int number) { return std::to_string(10'000'000 + number); }

class SnapshotMemory : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    static const int installed = __sanitizer_install_malloc_and_free_hooks(
        [](const volatile void* memory, std::size_t) {
          ++allocations;
          in_use += size_of(memory);
        },
        [](const volatile void* memory) {
          if (memory != nullptr) in_use -= size_of(memory);
        });
    ASSERT_GT(installed, 0);
  }

  static std::shared_ptr<const Snapshot> with_keys(int keys) {
    Resources resources;
    resources.upstreams.push_back(testing::upstream("u", "/u"));
    for (int i = 0; i < 100; ++i) resources.principals.push_back(testing::principal("p" + std::to_string(i)));
    resources.grants.push_back(testing::grant("g", "p0", "u"));
    for (int i = 0; i < keys; ++i)
      resources.api_keys.push_back(testing::api_key(key_id(i), "p" + std::to_string(i % 100)));
    return *Snapshot::compile(std::move(resources), 1);
  }
};

TEST_F(SnapshotMemory, OfAKeyIsUnder110Bytes) {
  const auto none = with_keys(0);
  const std::ptrdiff_t before = in_use;
  const auto snapshot = with_keys(kKeys);
  const std::ptrdiff_t each = (in_use - before) / kKeys;
  RecordProperty("bytes_for_each_key", static_cast<int>(each));
  EXPECT_LT(each, 110);
  EXPECT_GT(each, static_cast<std::ptrdiff_t>(sizeof(ApiKey)));
}

TEST_F(SnapshotMemory, IsGivenBackWhenASnapshotIsSuperseded) {
  auto snapshot = with_keys(10'000);
  const auto change = [&](int round) {
    Draft draft(snapshot);
    draft.put(testing::api_key(key_id(10'000 + round % 2), "p1"));
    if (round > 0) ASSERT_TRUE(draft.remove(Kind::kApiKey, key_id(10'000 + (round + 1) % 2)).has_value());
    draft.put(testing::grant("g" + std::to_string(round % 3), "p2", "u"));
    draft.put(testing::principal("p3", {"r" + std::to_string(round)}));
    auto next = draft.finish(1);
    ASSERT_TRUE(next.has_value()) << next.error().what();
    snapshot = *next;
  };
  for (int round = 0; round < 10; ++round) change(round);
  const std::ptrdiff_t before = in_use;
  for (int round = 10; round < 1000; ++round) change(round);
  EXPECT_LT(in_use - before, 4096);  // rows that happen to move to other shards
}

TEST_F(SnapshotMemory, ThatAChangeTakesDoesNotGrowWithWhatThereIs) {
  const auto taken_by_a_key_more = [](const std::shared_ptr<const Snapshot>& before) {
    const std::ptrdiff_t start = in_use;
    Draft draft(before);
    draft.put(testing::api_key("zzzzzzzz", "p1"));
    const auto next = draft.finish(2);
    EXPECT_TRUE(next.has_value());
    return in_use - start;
  };
  EXPECT_LT(taken_by_a_key_more(with_keys(kKeys)), 64 << 10);
}

TEST_F(SnapshotMemory, IsNotTakenByLookUps) {
  const auto snapshot = with_keys(1000);
  const std::size_t before = allocations;
  const ApiKey* key = snapshot->find_key(key_id(500));
  const auto route = snapshot->route("/u/some/longer/path/than/any/mount");
  const Grant* grant = snapshot->authorize(key->principal, route->upstream, http::Method::kGet, "GET",
                                           route->rest, WallTime());
  EXPECT_EQ(allocations, before);
  EXPECT_NE(grant, nullptr);
}
#endif

}  // namespace
}  // namespace claviger::policy
