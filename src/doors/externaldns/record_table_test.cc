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

}  // namespace
}  // namespace claviger::doors::externaldns
