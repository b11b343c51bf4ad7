// SPDX-License-Identifier: Apache-2.0
#include "cli/event_line.h"

#include <gtest/gtest.h>

namespace claviger::cli {
namespace {

TEST(EventLine, ReadsLikeASentenceForACall) {
  EXPECT_EQ(
      format_event(
          R"({"v":1,"time":"2026-05-01T10:00:00.000Z","type":"call.finished","request_id":"f00d","principal":"ci","method":"POST","path":"/openai/v1","status":200,"code":"ok","grant":"ci:openai"})"),
      "2026-05-01T10:00:00.000Z  call.finished  ci POST /openai/v1 -> 200  request_id=f00d code=ok "
      "grant=ci:openai");
}

TEST(EventLine, LeavesNothingOutOfOtherEvents) {
  EXPECT_EQ(
      format_event(
          R"({"v":1,"time":"T","type":"grant.changed","actor":{"principal":"admin"},"name":"a b","n":3,"empty":"","outbox":17})"),
      R"(T  grant.changed  actor={"principal":"admin"} name="a b" n=3 empty="")");
}

TEST(EventLine, EscapesWhatACallerMayHavePutIn) {
  const std::string line = format_event(
      "{\"time\":\"T\",\"type\":\"call.finished\",\"method\":\"GET\",\"path\":\"/\\u001b[2J\\n2026 x\"}");
  EXPECT_EQ(line, "T  call.finished  - GET /\\x1b[2J\\n2026 x");
}

TEST(EventLine, CannotBeForgedByAValue) {
  EXPECT_EQ(format_event(R"({"time":"T","type":"t","a":"b c=d","e=f":"g"})"), "T  t  a=\"b c=d\" e=f=g");
}

TEST(EventLine, ShowsWhatIsNoEvent) {
  EXPECT_EQ(format_event("not json\x1b"), "not json\\x1b");
  EXPECT_EQ(format_event("[1]"), "[1]");
  EXPECT_EQ(format_event("{}"), "-  -");
}

}  // namespace
}  // namespace claviger::cli
