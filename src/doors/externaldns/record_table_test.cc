// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/record_table.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::doors::externaldns {
namespace {

TEST(RecordTable, FindsWhatIsOfANameAndType) {
  RecordTable table;
  for (const std::string_view name : {"b", "a", "b", "c"}) {
    for (const RecordType type : {RecordType::kTxt, RecordType::kA})
      ASSERT_TRUE(table
                      .add({.name = name,
                            .type = type,
                            .ttl = 1,
                            .target = table.size() > 3 ? "y" : "x",
                            .identity = {},
                            .options = {}})
                      .has_value());
  }
  table.sort();
  const auto found = table.find("b", RecordType::kA);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].target, "x");
  EXPECT_EQ(found[1].target, "y");
  EXPECT_TRUE(table.find("b", RecordType::kAaaa).empty());
  EXPECT_TRUE(table.find("d", RecordType::kA).empty());
  EXPECT_EQ(table.end_of_set(0), 1U);
}

TEST(RecordTable, TakesFromWhatIsSharedWithOthers) {
  std::size_t room = 300;
  RecordTable first, second;
  first.draw_on(room);
  second.draw_on(room);
  const LiveRecord record{.name = "www.example.com",
                          .type = RecordType::kA,
                          .ttl = 300,
                          .target = "192.0.2.1",
                          .identity = {},
                          .options = {}};
  std::size_t added = 0;
  while ((added % 2 == 0 ? first : second).add(record).has_value()) ++added;
  EXPECT_GE(added, 3U);
  EXPECT_LE(added, 10U);
  EXPECT_FALSE(first.add(record).has_value());
  EXPECT_FALSE(second.add(record).has_value());
}

}  // namespace
}  // namespace claviger::doors::externaldns
