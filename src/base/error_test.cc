// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <gtest/gtest.h>
#include <cerrno>
#include <set>
#include <string>

#include "base/check.h"
#include "base/result.h"

namespace claviger {
namespace {

TEST(Error, KeepsALiteralAsItIs) {
  const Error error(Code::kDenied, Blame::kCaller, "no grant");
  EXPECT_EQ(error.code(), Code::kDenied);
  EXPECT_EQ(error.blame(), Blame::kCaller);
  EXPECT_EQ(error.what(), "no grant");
}

TEST(Error, CarriesFormattedTextThroughCopies) {
  Error copy = Error::formatted(Code::kInvalid, Blame::kOperator, "x.yaml:3: wrong");
  {
    const Error original = Error::formatted(Code::kIo, Blame::kGateway, "disk is gone");
    copy = original;
  }
  EXPECT_EQ(copy.code(), Code::kIo);
  EXPECT_EQ(copy.what(), "disk is gone");
}

TEST(Error, NamesTheReasonOfAFailedSystemCall) {
  const Error error = Error::from_errno(Code::kIo, Blame::kOperator, "open /etc/claviger.yaml", ENOENT);
  EXPECT_EQ(error.what(), "open /etc/claviger.yaml: No such file or directory");
  EXPECT_EQ(Error::from_errno(Code::kIo, Blame::kOperator, "read", 99999).what(), "read: errno 99999");
}

TEST(Error, AddsContextAndKeepsCodeAndBlame) {
  const Error error = Error(Code::kTimeout, Blame::kUpstream, "no answer").within("openai").within("relay");
  EXPECT_EQ(error.code(), Code::kTimeout);
  EXPECT_EQ(error.blame(), Blame::kUpstream);
  EXPECT_EQ(error.what(), "relay: openai: no answer");
}

TEST(Error, NamesEveryCodeInTheWordsOfTheInterface) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    names.insert(code_name(static_cast<Code>(code)));
  }
  EXPECT_EQ(names.size(), 19U);  // of twenty-one codes: "too_large" and "not_found" are shared
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(code_name(Code::kHeadTooLarge), "too_large");
  EXPECT_EQ(code_name(Code::kUpstreamFailed), "upstream_failed");
  EXPECT_EQ(code_name(Code::kNoResource), "not_found");
  EXPECT_EQ(code_name(Code::kConflict), "conflict");
}

Result<int> half(int number) {
  if (number % 2 != 0) return Error(Code::kInvalid, Blame::kCaller, "odd");
  return number / 2;
}

Result<void> must_be_even(int number) {
  CLV_TRY(half(number));
  return ok();
}

Result<int> quarter(int number) {
  CLV_TRY_VOID(must_be_even(number));
  const int halved = CLV_TRY(half(number));
  return CLV_TRY(half(halved));
}

TEST(Result, TryYieldsTheValueOrReturnsTheError) {
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(6).error().what(), "odd");
  EXPECT_EQ(quarter(5).error().code(), Code::kInvalid);
}

TEST(Result, TryMovesWhatCannotBeCopied) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  const auto pass = [&]() -> Result<std::unique_ptr<int>> { return CLV_TRY(make()); };
  EXPECT_EQ(**pass(), 7);
}

TEST(CheckDeathTest, StopsTheProcessAndSaysWhere) {
  EXPECT_DEATH(CLV_CHECK(1 + 1 == 3), "broken invariant at error_test.cc:[0-9]+: 1 \\+ 1 == 3");
}

TEST(Check, EvaluatesItsConditionOnce) {
  int count = 0;
  CLV_CHECK(++count == 1);
  EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace claviger
