// SPDX-License-Identifier: Apache-2.0
#include "audit/event_fields.h"
#include "audit/line.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace claviger::audit {
namespace {

const std::string kLead = R"({"v":1,"time":"2026-01-01T00:00:00.000Z","type":"call.finished")";

// The fields of a line, and the line that they are views of.
class Scanned {
 public:
  explicit Scanned(std::string line) : line_(std::move(line)) {
    EXPECT_TRUE(scan_fields(line_, fields)) << line_;
  }
  Scanned(const Scanned&) = delete;
  Scanned& operator=(const Scanned&) = delete;
  std::string operator[](Field field) const { return std::string(fields[field]); }
  EventFields fields;

 private:
  std::string line_;
};

std::vector<std::string> terms_of(const std::string& line) {
  std::vector<std::string> terms;
  const Scanned scanned(line);
  for_each_term(scanned.fields, [&](Term term, std::string_view value) {
    terms.push_back(std::string(term_name(term)) + "=" + std::string(value));
  });
  return terms;
}

TEST(EventFields, FindsTheMembersOfACall) {
  const Scanned fields(
      kLead +
      R"(,"request_id":"f00d","principal":"ci","key_id":"k1","address":"192.0.2.7","upstream":"api","path":"/x","decision":"allowed","credential":"main","status":200,"reused":true})");
  EXPECT_EQ(fields[Field::kTime], "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(fields[Field::kType], "call.finished");
  EXPECT_EQ(fields[Field::kRequestId], "f00d");
  EXPECT_EQ(fields[Field::kPrincipal], "ci");
  EXPECT_EQ(fields[Field::kKeyId], "k1");
  EXPECT_EQ(fields[Field::kAddress], "192.0.2.7");
  EXPECT_EQ(fields[Field::kUpstream], "api");
  EXPECT_EQ(fields[Field::kDecision], "allowed");
  EXPECT_EQ(fields[Field::kCredential], "main");
  EXPECT_EQ(fields[Field::kStatus], "200");
  EXPECT_EQ(fields[Field::kTraceId], "");
}

TEST(EventFields, LooksAtTheOutermostObjectAlone) {
  const Scanned fields(
      kLead +
      R"(,"before":{"principal":"mallory","deep":[{"status":500},"}"]},"path":"/\",\"principal\":\"mallory\",\"x\":\"","codes":{},"list":[],"name":"a"})");
  EXPECT_EQ(fields[Field::kPrincipal], "");
  EXPECT_EQ(fields[Field::kStatus], "");
  EXPECT_EQ(fields[Field::kName], "a");
}

TEST(EventFields, TakesBackslashesBeforeQuotesForWhatTheyAre) {
  EXPECT_EQ(Scanned(kLead + R"(,"path":"\\","principal":"ci"})")[Field::kPrincipal], "ci");
  EXPECT_EQ(Scanned(kLead + R"(,"path":"\\\"","principal":"ci"})")[Field::kPrincipal], "ci");
  EXPECT_EQ(Scanned(kLead + R"(,"name":"a\"b"})")[Field::kName], R"(a\"b)");
}

TEST(EventFields, RefusesWhatIsNoEvent) {
  EventFields fields;
  const std::string time = R"("time":"2026-01-01T00:00:00.000Z")";
  for (const std::string& line : std::vector<std::string>{"",
                                                          "{",
                                                          "{}",
                                                          "[]",
                                                          "{\"",
                                                          "{\"a",
                                                          "{\"a\"",
                                                          "{\"a\":",
                                                          "{\"a\":}",
                                                          "{\"a\":1",
                                                          "{\"a\":1}",
                                                          "x",
                                                          "{" + time,
                                                          "{" + time + ",}",
                                                          "{" + time + "}x",
                                                          "{" + time + "} ",
                                                          "{" + time + ", \"a\":1}",
                                                          "{" + time + ",\"a\" :1}",
                                                          "{" + time + ",\"a\": 1}",
                                                          "{" + time + ",\"a\":[}",
                                                          "{" + time + ",\"a\":\"",
                                                          "{" + time + ",\"a\":\"\\\"}",
                                                          "{" + time + "," + time + "}",
                                                          "{" + time + ",\"a\":{\"b\":\"}",
                                                          "{" + time + ",\"princip\\u0061l\":\"ci\"}",
                                                          R"({"time":"2026-01-01T00:00:00Z"})",
                                                          R"({"time":"2026-01-01 00:00:00.000Z"})",
                                                          R"({"time":17})",
                                                          R"({"v":1,"type":"x"})"})
    EXPECT_FALSE(scan_fields(line, fields)) << line;
  EXPECT_TRUE(scan_fields("{" + time + "}", fields));
}

TEST(EventFields, LeavesOutWhatIsOfAnotherKind) {
  const Scanned fields(kLead + R"(,"status":"200","principal":null,"name":{"x":1},"address":["a"]})");
  EXPECT_EQ(fields[Field::kStatus], "");
  EXPECT_EQ(fields[Field::kPrincipal], "");
  EXPECT_EQ(fields[Field::kName], "");
  EXPECT_EQ(fields[Field::kAddress], "");
}

TEST(EventFields, ReadsTheLeadingTimeOfTheGatewaysLines) {
  EXPECT_EQ(leading_time(kLead + "}"), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(leading_time(R"({"v":1,"time":"2026-01-01T00:00:00Z","type":"x"})"), "");
  EXPECT_EQ(leading_time(R"({"time":"2026-01-01T00:00:00.000Z","v":1})"), "");
  EXPECT_EQ(leading_time(R"({"v":1,"time":"2026-01-01T00:00:00.000Z)"), "");
}

TEST(EventFields, CallsWhoDidItAndToWhomItWasDoneByTheSameName) {
  EXPECT_EQ(terms_of(kLead + R"(,"actor":"admin","key_id":"k1","kind":"principal","name":"ci"})"),
            (std::vector<std::string>{"type=call.finished", "principal=admin", "key_id=k1", "principal=ci"}));
  EXPECT_EQ(terms_of(kLead + R"(,"kind":"api_key","name":"k2"})"),
            (std::vector<std::string>{"type=call.finished", "key_id=k2"}));
  EXPECT_EQ(terms_of(kLead + R"(,"kind":"grant","name":"ci"})"),
            (std::vector<std::string>{"type=call.finished"}));
}

}  // namespace
}  // namespace claviger::audit
