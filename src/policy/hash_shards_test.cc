// SPDX-License-Identifier: Apache-2.0
#include "policy/hash_shards.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <string>

namespace claviger::policy {
namespace {

struct Numbered {
  std::uint64_t key;
  std::string value;
};
bool collide = false;
std::uint64_t hash_of(const HashSeed& seed, std::uint64_t key) { return collide ? 42 : mix(key ^ seed.k0); }
std::uint64_t hash_of(const HashSeed& seed, const Numbered& row) { return hash_of(seed, row.key); }

using Table = HashShards<Numbered, 4>;
using Expected = std::map<std::uint64_t, std::string>;
constexpr HashSeed kSeed{.k0 = 3, .k1 = 4};

auto is(std::uint64_t key) {
  return [key](const Numbered& row) { return row.key == key; };
}

void expect_same(const Table& table, const Expected& expected) {
  ASSERT_EQ(table.size(), expected.size());
  for (const auto& [key, value] : expected) {
    const Numbered* found = table.find(hash_of(kSeed, key), is(key));
    ASSERT_NE(found, nullptr) << key;
    ASSERT_EQ(found->value, value);
  }
  std::size_t visited = 0;
  table.for_each([&](const Numbered& row) { visited += expected.contains(row.key) ? 1 : 1000; });
  ASSERT_EQ(visited, expected.size());
}

// Against a map, with copies of earlier states that must not notice.
void change_at_random(unsigned seed, std::uint64_t keys, int steps) {
  std::mt19937 random(seed);
  Table table(kSeed);
  Expected expected;
  std::deque<std::pair<Table, Expected>> kept;
  for (int step = 0; step < steps; ++step) {
    const std::uint64_t key = random() % keys;
    const std::uint64_t hash = hash_of(kSeed, key);
    const std::string value = std::to_string(step);
    const bool is_there = expected.contains(key);
    ASSERT_EQ(table.find(hash, is(key)) != nullptr, is_there);
    if (random() % 3 == 0) {
      ASSERT_EQ(table.erase(hash, is(key)), is_there);
      expected.erase(key);
    } else if (Numbered* row = table.edit(hash, is(key)); row != nullptr) {
      row->value = value;
      expected[key] = value;
    } else {
      EXPECT_EQ(table.insert({.key = key, .value = value}).value, value);
      expected[key] = value;
    }
    if (step % 97 == 0) kept.emplace_back(table, expected);
    if (kept.size() > 5) {
      expect_same(kept.front().first, kept.front().second);
      kept.pop_front();
    }
  }
  expect_same(table, expected);
}

TEST(HashShards, HoldWhatAMapHoldsAndLeaveCopiesAlone) {
  change_at_random(1, 5000, 20'000);
  change_at_random(2, 30, 3000);
}

TEST(HashShards, FindAmongEqualHashes) {
  collide = true;
  change_at_random(3, 100, 2000);
  collide = false;
}

TEST(HashShards, OfNothingFindNothing) {
  EXPECT_EQ(Table(kSeed).find(1, [](const Numbered&) { return true; }), nullptr);
  EXPECT_FALSE(Table(kSeed).erase(1, [](const Numbered&) { return true; }));
}

}  // namespace
}  // namespace claviger::policy
