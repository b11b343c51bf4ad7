// SPDX-License-Identifier: Apache-2.0
#include "policy/pages.h"

#include <gtest/gtest.h>

namespace claviger::policy {
namespace {

TEST(Pages, CopyOnlyWhatIsEdited) {
  Pages<int> one;
  for (int i = 0; i < 200; ++i) EXPECT_EQ(one.push_back(i), i);
  Pages<int> two = one;
  two.edit(70) = -1;
  two.push_back(200);
  EXPECT_EQ(one.size(), 200u);
  EXPECT_EQ(two.size(), 201u);
  EXPECT_EQ(one[70], 70);
  EXPECT_EQ(two[70], -1);
  EXPECT_EQ(two[200], 200);
  for (const std::size_t at : {0u, 69u, 71u, 199u}) EXPECT_EQ(&one[at], &two[at]) << at;
}

TEST(Pages, EditInPlaceWhatIsTheirsAlone) {
  Pages<int> pages;
  pages.push_back(1);
  const int* before = &pages[0];
  pages.edit(0) = 2;
  EXPECT_EQ(&pages[0], before);
}

TEST(Pages, FreeWhatNobodyHasAnyMore) {
  Pages<std::shared_ptr<int>> one;
  auto value = std::make_shared<int>(1);
  one.push_back(value);
  {
    Pages<std::shared_ptr<int>> two = one;
    two.edit(0) = nullptr;
    EXPECT_EQ(value.use_count(), 2);
  }
  one = {};
  EXPECT_EQ(value.use_count(), 1);
}

}  // namespace
}  // namespace claviger::policy
