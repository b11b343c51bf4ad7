// SPDX-License-Identifier: Apache-2.0
#include "store/catalog.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

namespace claviger::store {
namespace {

struct CatalogTest : ::testing::Test {
  CatalogTest() {
    char name[] = "/tmp/claviger-catalog-XXXXXX";
    directory = ::mkdtemp(name);
  }
  ~CatalogTest() override { std::filesystem::remove_all(directory); }
  std::string directory;
};

TEST_F(CatalogTest, MakesAndOpensAStoreInItsDirectory) {
  ASSERT_TRUE(open("sqlite:a.db", directory, {.create = true}).has_value());
  EXPECT_EQ(::access((directory + "/a.db").c_str(), F_OK), 0);
  EXPECT_TRUE(open("sqlite:" + directory + "/a.db", "/nowhere", {}).has_value());
}

TEST_F(CatalogTest, MakesNoneUnlessItIsToldTo) {
  const auto opened = open("sqlite:a.db", directory, {});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), Code::kNotFound);
  EXPECT_NE(::access((directory + "/a.db").c_str(), F_OK), 0);
}

TEST_F(CatalogTest, SaysWhereAStoreIs) {
  EXPECT_EQ(locate("sqlite:a.db", "/data"), "/data/a.db");
  EXPECT_EQ(locate("sqlite:sub/a.db", "/data"), "/data/sub/a.db");
  EXPECT_EQ(locate("sqlite:/elsewhere/a.db", "/data"), "/elsewhere/a.db");
}

TEST_F(CatalogTest, RefusesWhatIsNoStoresUrlAndSaysWhatThereIs) {
  using namespace std::string_view_literals;
  for (const std::string_view url : {""sv, "sqlite:"sv, "sqlite"sv, "a.db"sv, "SQLITE:a.db"sv,
                                     "postgres://localhost/x"sv, "sqlite:a\0b"sv, " sqlite:a.db"sv}) {
    const auto checked = check_url(url);
    ASSERT_FALSE(checked.has_value()) << url;
    EXPECT_NE(checked.error().what().find("sqlite:FILE"), std::string_view::npos);
    EXPECT_FALSE(open(url, directory, {.create = true}).has_value()) << url;
  }
  EXPECT_TRUE(check_url("sqlite:a.db").has_value());
}

}  // namespace
}  // namespace claviger::store
