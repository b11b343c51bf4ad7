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

}  // namespace
}  // namespace claviger::sinks
