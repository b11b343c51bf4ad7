// SPDX-License-Identifier: Apache-2.0
#include "policy/glob.h"

#include <gtest/gtest.h>

#include <random>

#include "policy/testing/slow_glob.h"

namespace claviger::policy {
namespace {

bool matches(std::string_view pattern, std::string_view path) {
  const auto glob = Glob::parse(pattern);
  EXPECT_TRUE(glob.has_value()) << pattern << ": " << (glob.has_value() ? "" : glob.error().what());
  return glob.has_value() && glob->matches(path);
}

TEST(Glob, WithoutAStarIsThePathItself) {
  EXPECT_TRUE(matches("/v1/chat/completions", "/v1/chat/completions"));
  EXPECT_FALSE(matches("/v1/chat/completions", "/v1/chat/completions/"));
  EXPECT_FALSE(matches("/v1/chat/completions", "/v1/chat/completion"));
  EXPECT_FALSE(matches("/v1/chat", "/V1/chat"));
}

TEST(Glob, OneStarStaysWithinItsSegment) {
  EXPECT_TRUE(matches("/repos/*", "/repos/claviger"));
  EXPECT_TRUE(matches("/repos/*", "/repos/"));
  EXPECT_FALSE(matches("/repos/*", "/repos"));
  EXPECT_FALSE(matches("/repos/*", "/repos/a/b"));
  EXPECT_TRUE(matches("/repos/*/issues", "/repos/a/issues"));
  EXPECT_FALSE(matches("/repos/*/issues", "/repos/a/b/issues"));
  EXPECT_TRUE(matches("/v*/models-*.json", "/v12/models-large.json"));
  EXPECT_FALSE(matches("/v*/models-*.json", "/v12/models-a/b.json"));
}

TEST(Glob, TwoStarsCrossSegments) {
  EXPECT_TRUE(matches("/v1/**", "/v1/"));
  EXPECT_TRUE(matches("/v1/**", "/v1/a/b/c"));
  EXPECT_FALSE(matches("/v1/**", "/v1"));
  EXPECT_FALSE(matches("/v1/**", "/v10/a"));
  EXPECT_TRUE(matches("/a/**/z", "/a/b/c/z"));
  EXPECT_FALSE(matches("/a/**/z", "/a/z"));
  EXPECT_TRUE(matches("/a/**/z/*", "/a/b/z/c/z/d"));
  EXPECT_FALSE(matches("/a/**/z/*", "/a/b/z/c/y/d"));
  EXPECT_TRUE(matches("**", ""));
  EXPECT_TRUE(matches("**", "/anything/at/all"));
}

TEST(Glob, TreatsAnEncodedSlashAsPartOfItsSegment) { EXPECT_TRUE(matches("/p/*/x", "/p/group%2Fname/x")); }

TEST(Glob, MatchesBytesOutsideAsciiWithStarsOnly) {
  EXPECT_TRUE(matches("/*/x*y", "/\xff\x80/x\xc3y"));
  EXPECT_FALSE(matches("/*/xy", "/a/x\xc3"));
}

TEST(Glob, RefusesWhatIsNoPattern) {
  for (const std::string& pattern :
       {std::string(), std::string("v1/*"), std::string("*"), std::string("**/x"), std::string("/a b"),
        std::string("/a?b=c"), std::string("/a#b"), std::string("/\xc3\xa4"), std::string("/a/***"),
        "/" + std::string(512, 'a'), std::string("/a//b"), std::string("/a/../b"), std::string("/%2f"),
        std::string("/a\\b"), std::string("/a\nb")}) {
    const auto glob = Glob::parse(pattern);
    ASSERT_FALSE(glob.has_value()) << pattern;
    EXPECT_EQ(glob.error().code(), Code::kInvalid);
  }
}

TEST(Glob, TakesPatternsOfTheLargestSize) {
  const std::string letters = "/*" + std::string(510, 'a');
  EXPECT_TRUE(matches(letters, "/bcd" + std::string(510, 'a')));
  EXPECT_FALSE(matches(letters, "/" + std::string(509, 'a')));
  std::string stars = "/";
  while (stars.size() + 2 <= Glob::kMaxSize) stars += "*a";
  EXPECT_TRUE(matches(stars, "/" + std::string(255, 'a')));
  EXPECT_FALSE(matches(stars, "/" + std::string(254, 'a')));
}

// The automaton's states lie in words of 64: a star, matching nothing or something, around each seam.
TEST(Glob, LetsAStarStandForNothingWhereverItStands) {
  for (std::size_t before = 55; before < 270; ++before) {
    const std::string letters(before, 'a');
    const std::string pattern = "/*" + letters + "*" + "bcdefghijk";
    EXPECT_TRUE(matches(pattern, "/" + letters + "bcdefghijk")) << before;
    EXPECT_TRUE(matches(pattern, "/" + letters + "xyzbcdefghijk")) << before;
    EXPECT_FALSE(matches(pattern, "/" + letters + "/bcdefghijk")) << before;
  }
}

TEST(Glob, AgreesWithThePlainReadingOnRandomInput) {
  std::mt19937 random(7);  // a fixed seed: the same cases in every run
  const auto text = [&](std::string_view alphabet, std::size_t longest) {
    std::string out = "/";
    for (std::size_t n = random() % longest; n > 0; --n) out += alphabet[random() % alphabet.size()];
    return out;
  };
  int compared = 0;
  int matched = 0;
  for (int i = 0; i < 60000; ++i) {
    const std::string pattern = text("aab/**", i % 10 == 0 ? 200 : 12);
    const std::string path = text("aab/", i % 10 == 0 ? 90 : 10);
    const auto glob = Glob::parse(pattern);
    if (!glob.has_value()) continue;
    ++compared;
    const bool expected = testing::SlowGlob(pattern, path).matches();
    matched += expected ? 1 : 0;
    ASSERT_EQ(glob->matches(path), expected) << pattern << " on " << path;
  }
  EXPECT_GT(compared, 10000);
  EXPECT_GT(matched, 500);
}

// 16 KiB against 250 stars: hours by backtracking, milliseconds side by side.
TEST(Glob, TakesLinearTimeOnHostileInput) {
  std::string pattern = "/";
  while (pattern.size() + 4 <= Glob::kMaxSize) pattern += "*a";
  EXPECT_FALSE(matches(pattern + "b", "/" + std::string(std::size_t{16} << 10, 'a')));
}

}  // namespace
}  // namespace claviger::policy
