// SPDX-License-Identifier: Apache-2.0
#include "gateway/trace_context.h"

#include <gtest/gtest.h>

#include <string>

namespace claviger::gateway {
namespace {

constexpr std::string_view kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr std::string_view kGood = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr std::string_view kSpan = "b7ad6b7169203331";

std::string as_sent(const TraceContext& trace) {
  const auto text = write_traceparent(trace, kSpan);
  return {text.data(), text.size()};
}

TEST(TraceContext, IsContinuedWithASpanOfOurOwn) {
  const TraceContext trace = parse_traceparent(kGood);
  ASSERT_TRUE(trace.is_there());
  EXPECT_EQ(trace.id(), kTrace);
  EXPECT_EQ(as_sent(trace), "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01");
}

TEST(TraceContext, KeepsTheFlagsThatAreDefinedAndNoOthers) {
  const auto sent = [](std::string_view flags) {
    std::string value(kGood.substr(0, kGood.size() - 2));
    return as_sent(parse_traceparent(value.append(flags))).substr(kTraceparentSize - 2);
  };
  EXPECT_EQ(sent("00"), "00");
  EXPECT_EQ(sent("02"), "02");
  EXPECT_EQ(sent("03"), "03");
  EXPECT_EQ(sent("ff"), "03");
  EXPECT_EQ(sent("f4"), "00");
}

TEST(TraceContext, OfLaterVersionsTakesWhatTheyHaveInCommonAndAnswersInItsOwn) {
  const std::string rest(kGood.substr(2));
  for (const std::string& later : {"01" + rest, "cc" + rest, "fe" + rest + "-", "01" + rest + "-what-comes"})
    EXPECT_EQ(as_sent(parse_traceparent(later)).substr(0, 35), "00-" + std::string(kTrace)) << later;
  EXPECT_FALSE(parse_traceparent("01" + rest + ".what").is_there());
  EXPECT_FALSE(parse_traceparent("01" + rest + "0").is_there());
}

TEST(TraceContext, IsDroppedWhenItIsNotExactlyThat) {
  const std::string good(kGood);
  EXPECT_FALSE(parse_traceparent("").is_there());
  EXPECT_FALSE(parse_traceparent("ff" + good.substr(2)).is_there());
  EXPECT_FALSE(parse_traceparent(good + "-").is_there());
  EXPECT_FALSE(parse_traceparent(good + " ").is_there());
  EXPECT_FALSE(parse_traceparent(" " + good).is_there());
  EXPECT_FALSE(parse_traceparent("00-" + std::string(32, '0') + good.substr(35)).is_there());
  EXPECT_FALSE(parse_traceparent(good.substr(0, 36) + std::string(16, '0') + "-01").is_there());
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_traceparent(good.substr(0, size)).is_there()) << size;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char c : {'A', 'F', 'g', '-', ' ', '\0', '\x80', '_'}) {
      std::string wrong = good;
      if (wrong[i] == c) continue;
      wrong[i] = c;
      EXPECT_FALSE(parse_traceparent(wrong).is_there()) << wrong;
    }
  }
}

TEST(TraceContext, TwoOfThemAreNone) {
  const auto found = [](int count, std::string_view value) {
    http::Fields fields;
    fields.add({"Host", "g", http::FieldName::kHost});
    for (int i = 0; i < count; ++i) fields.add({"TraceParent", value, http::FieldName::kTraceparent});
    return find_trace(fields).state;
  };
  using State = TraceContext::State;
  EXPECT_EQ(found(0, kGood), State::kNone);
  EXPECT_EQ(found(1, kGood), State::kContinued);
  EXPECT_EQ(found(1, "00-x"), State::kNone);
  EXPECT_EQ(found(2, kGood), State::kNone);
  EXPECT_EQ(found(3, kGood), State::kNone);
}

TEST(TraceContext, OneThatIsBegunIsNotSampled) {
  const TraceContext trace = begin_trace(kTrace);
  EXPECT_EQ(as_sent(trace), "00-" + std::string(kTrace) + "-" + std::string(kSpan) + "-00");
  EXPECT_FALSE(TraceContext().is_there());
  EXPECT_EQ(TraceContext().id(), "");
}

}  // namespace
}  // namespace claviger::gateway
