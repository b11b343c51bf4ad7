// SPDX-License-Identifier: Apache-2.0
#include "sinks/position.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "audit/testing/sample_log.h"
#include "sinks/retry.h"

namespace claviger::sinks {
namespace {

using audit::testing::TemporaryDirectory;
using audit::testing::write_file;

class Positions : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
  const PositionFile file_{directory_.path(), "siem", "claviger/test"};
  const std::string path_ = directory_.path("sinks/siem");
};

TEST_F(Positions, AreFoundAgain) {
  EXPECT_FALSE(file_.load().has_value());
  const Position position{{12, 10, 345}, 7};
  ASSERT_TRUE(file_.save(position).has_value());
  EXPECT_EQ(file_.load(), position);
  ASSERT_TRUE(file_.save({{13, 10, 400}, 13}).has_value());
  EXPECT_EQ(file_.load()->place.event, 13U);
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(Positions, OfAnotherLogAreNone) {
  ASSERT_TRUE(file_.save({{12, 10, 345}, 7}).has_value());
  EXPECT_FALSE(PositionFile(directory_.path(), "siem", "claviger/other").load().has_value());
}

TEST_F(Positions, ThatAreNotWhatWasSavedAreNone) {
  ASSERT_TRUE(file_.save({}).has_value());
  const std::string good = "claviger sink position v1\nclaviger/test\n12:10:345\n7\n";
  write_file(path_, good);
  EXPECT_TRUE(file_.load().has_value());
  for (const std::string& bad :
       {std::string(), good.substr(0, good.size() - 1), good + "x", good + "\n", std::string(5000, 'x'),
        std::string("claviger sink position v2\nclaviger/test\n12:10:345\n7\n"),
        std::string("claviger sink position v1\nclaviger/test\n12:10\n7\n"),
        std::string("claviger sink position v1\nclaviger/test\n12:10:345\n-7\n")}) {
    write_file(path_, bad);
    EXPECT_FALSE(file_.load().has_value()) << bad;
  }
}

TEST_F(Positions, ThatCannotBeSavedSaySo) {
  write_file(directory_.path("sinks"), "");
  EXPECT_FALSE(file_.save({}).has_value());
}

TEST(RetryPause, DoublesUpToAMinuteAndIsNeverLessThanASecond) {
  RetryPause least([] { return 0.0; });
  RetryPause most([] { return 0.999999; });
  const auto seconds = [](RetryPause& pause) {
    return (pause.next() + std::chrono::milliseconds(1)).count() / 1000;
  };
  for (const int wanted : {1, 2, 4, 8, 16, 32, 60, 60}) EXPECT_EQ(seconds(most), wanted);
  for (const int wanted : {1, 1, 2, 4, 8, 16, 30, 30}) EXPECT_EQ(seconds(least), wanted);
  most.reset();
  EXPECT_EQ(seconds(most), 1);
}

}  // namespace
}  // namespace claviger::sinks
