// SPDX-License-Identifier: Apache-2.0
#include "policy/nearest.h"

#include <gtest/gtest.h>

namespace claviger::policy {
namespace {

TEST(Nearest, FindsWhatWasMeant) {
  EXPECT_EQ(nearest("opnai", {"stripe", "openai", "github"}), "openai");
  EXPECT_EQ(nearest("opneai", {"stripe", "openai"}), "openai");
  EXPECT_EQ(nearest("billing-servce", {"billing-service", "mailing-service"}), "billing-service");
}

TEST(Nearest, FindsNothingFarAway) {
  EXPECT_EQ(nearest("opnai", {"stripe", "github"}), "");
  EXPECT_EQ(nearest("x", {"github"}), "");
  EXPECT_EQ(nearest("anything", {}), "");
}

}  // namespace
}  // namespace claviger::policy
