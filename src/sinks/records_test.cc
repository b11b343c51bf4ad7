// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/json.h"
#include "sinks/record.h"
#include "sinks/syslog_message.h"

namespace claviger::sinks {
namespace {

const std::string kLine =
    R"({"v":1,"time":"2026-01-01T00:00:00.123Z","type":"call.finished","path":"/a\"b"})";

std::string event_record(std::string_view origin, std::uint64_t number, std::string_view line) {
  std::string out;
  append_event(out, origin, number, line);
  return out;
}

TEST(Record, OfAnEventIsItsLineWithAnIdInFront) {
  EXPECT_EQ(event_record("claviger/prod", 17, kLine), R"({"id":"claviger/prod/17",)" + kLine.substr(1));
}

TEST(Record, IsOneJsonObjectWhateverTheOriginIs) {
  const auto parsed = base::parse_json(event_record("a\"b\\c", 1, kLine), "record");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->entries.front().second.scalar, "a\"b\\c/1");
}

TEST(Record, OfACheckpointHoldsTheNoteAsItWasSigned) {
  const std::string note = "claviger/prod\n2\nAAAA\n\n\xe2\x80\x94 claviger/prod BBBB\n";
  std::string out;
  append_checkpoint(out, "claviger/prod", {.size = 2, .note = note});
  const auto parsed = base::parse_json(out, "record");
  ASSERT_TRUE(parsed.has_value()) << out;
  ASSERT_EQ(parsed->entries.size(), 5U);
  EXPECT_EQ(parsed->entries[0].second.scalar, "claviger/prod/checkpoint/2");
  EXPECT_EQ(parsed->entries[2].second.scalar, "checkpoint");
  EXPECT_EQ(parsed->entries[3].second.scalar, "2");
  EXPECT_EQ(parsed->entries[4].second.scalar, note);
  EXPECT_EQ(out.find('\n'), std::string::npos);
}

TEST(Record, KnowsTimeAndTypeOfAnEventAndOfNothingElse) {
  EXPECT_EQ(time_of(kLine), "2026-01-01T00:00:00.123Z");
  EXPECT_EQ(type_of(kLine), "call.finished");
  EXPECT_TRUE(wall_time_of(kLine).has_value());
  EXPECT_EQ(time_of(R"({"v":1})"), "");
  EXPECT_EQ(type_of(R"({"v":1,"type":"cut)"), "");
  EXPECT_FALSE(wall_time_of(R"({"v":1,"time":"yesterday","type":"x"})").has_value());
}

TEST(SyslogMessage, IsFramedByItsLengthAndSaysWhatTheEventSays) {
  const SyslogWriter writer("claviger/prod", "gateway.example", 77, 32473);
  std::string out;
  writer.write_event(out, 17, kLine);
  const std::string message =
      R"(<110>1 2026-01-01T00:00:00.123Z gateway.example claviger 77 call.finished [claviger@32473 id="claviger/prod/17"] )" +
      event_record("claviger/prod", 17, kLine);
  EXPECT_EQ(out, std::to_string(message.size()) + " " + message);
}

TEST(SyslogMessage, StandsBehindOthers) {
  const SyslogWriter writer("claviger/prod", "gateway.example", 77, 32473);
  std::string one, two;
  writer.write_event(one, 1, kLine);
  two = one;
  writer.write_event(two, 1, kLine);
  EXPECT_EQ(two, one + one);
}

TEST(SyslogMessage, HasNoFieldThatWouldBreakItsHead) {
  const SyslogWriter writer("a]b\"c", "bad host", 1, 1);
  std::string out;
  writer.write_event(out, 2,
                     R"({"v":1,"time":"no time","type":"a type of more than thirty-two characters"})");
  EXPECT_NE(out.find(R"(<110>1 - - claviger 1 - [claviger@1 id="a\]b\"c/2"] {)"), std::string::npos) << out;
  out.clear();
  writer.write_event(out, 2, R"({"v":1,"time":"now","type":"a_type_of_more_than_thirty-two_characters"})");
  EXPECT_NE(out.find(" a_type_of_more_than_thirty-two_c ["), std::string::npos) << out;
}

}  // namespace
}  // namespace claviger::sinks
