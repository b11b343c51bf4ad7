// SPDX-License-Identifier: Apache-2.0
#include "server/publications.h"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.h"

namespace claviger::server {
namespace {

using std::chrono::milliseconds;

constexpr auto kMost = Publications::kMostAdoption;

struct PublicationsTest : ::testing::Test {
  base::testing::FakeClock clock;
  Publications publications{clock};
};

TEST_F(PublicationsTest, TellTheLastWorkerThatItIsTheLast) {
  const auto adopted = publications.begin(3);
  EXPECT_FALSE(adopted());
  EXPECT_FALSE(adopted());
  EXPECT_TRUE(adopted());
}

TEST_F(PublicationsTest, TellOfAWorkerThatIsStuckAndNotBeforeItsTimeIsUp) {
  const auto adopted = publications.begin(2);
  adopted();
  clock.advance(kMost - milliseconds(1));
  EXPECT_FALSE(publications.is_stuck());
  clock.advance(milliseconds(1));
  EXPECT_TRUE(publications.is_stuck());
}

TEST_F(PublicationsTest, NeverTellOfWhatAllHaveAdopted) {
  EXPECT_FALSE(publications.is_stuck());
  const auto adopted = publications.begin(2);
  adopted();
  adopted();
  clock.advance(kMost * 100);
  EXPECT_FALSE(publications.is_stuck());
}

TEST_F(PublicationsTest, CountEachWorldsTimeByItself) {
  const auto first = publications.begin(1);
  clock.advance(kMost - milliseconds(1));
  const auto second = publications.begin(1);
  first();
  clock.advance(kMost - milliseconds(1));
  EXPECT_FALSE(publications.is_stuck());
  clock.advance(milliseconds(1));
  EXPECT_TRUE(publications.is_stuck());
}

TEST_F(PublicationsTest, AreNotMisledByNewOnes) {
  const auto first = publications.begin(1);
  for (int i = 0; i < 10; ++i) {
    clock.advance(milliseconds(kMost) / 10);
    publications.begin(1);
  }
  EXPECT_TRUE(publications.is_stuck());
}

}  // namespace
}  // namespace claviger::server
