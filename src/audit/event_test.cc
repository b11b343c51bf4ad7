// SPDX-License-Identifier: Apache-2.0
#include "audit/event.h"

#include <gtest/gtest.h>

#include "audit/line.h"

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNewYear{std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)};

TEST(Event, IsOneLineOfJsonInTheOrderOfItsFields) {
  EXPECT_EQ(
      Event(kNewYear, "api_key.revoked")
          .add("actor", "a\"b\n")
          .add("count", 7)
          .add("none", "")
          .add_json("x", "[1]")
          .text(),
      R"({"v":1,"time":"2026-01-01T00:00:00.000Z","type":"api_key.revoked","actor":"a\"b\n","count":7,"x":[1]})");
}

TEST(Event, CutsLongTextsBetweenCharacters) {
  std::string umlauts;
  for (int i = 0; i < 2000; ++i) umlauts += "\xc3\xa4";
  const std::string text = Event(kNewYear, "x").add("a", umlauts).text();
  EXPECT_TRUE(text.ends_with("\xc3\xa4\"}"));
  EXPECT_LT(text.size(), 1200U);
  const std::string escapes = Event(kNewYear, "x").add("a", std::string(5000, '\1')).text();
  EXPECT_TRUE(escapes.ends_with("\\u0001\"}")) << escapes;
  EXPECT_LT(escapes.size(), 1200U);
}

TEST(Event, StaysALineHoweverMuchIsAddedAndSaysWhatWasLeftOut) {
  Event event(kNewYear, "x");
  event.add_json("big", "\"" + std::string(Lane::kMaxEvent, 'x') + "\"").add("small", 1);
  for (int i = 0; i < 200; ++i) event.add("field" + std::to_string(i), std::string(900, '"'));
  const std::string text = std::move(event).text();
  EXPECT_LE(text.size(), Lane::kMaxEvent);
  EXPECT_TRUE(is_line(text));
  EXPECT_NE(text.find(R"("big_cut":true,"small":1,)"), std::string::npos);
}

telemetry::AccessRecord full_call() {
  return {.time = kNewYear + 1234567us,
          .request_id = "0190b5f0c0de",
          .principal = "billing-service",
          .auth = "api_key",
          .key_id = "7f3k9x2m",
          .certificate = "dns:billing.example.com",
          .door = "dns",
          .address = "192.0.2.7",
          .upstream = "openai",
          .method = "POST",
          .path = "/v1/chat/completions",
          .decision = "allowed",
          .grant = "billing-openai",
          .credential = "openai-main",
          .credential_version = 3,
          .credential_opened = 1,
          .status = 200,
          .code = "ok",
          .bytes_in = 512,
          .bytes_out = UINT64_MAX,
          .duration = 1'250us,
          .reused = true};
}

using Write = std::size_t(std::span<char, Lane::kMaxEvent>, const telemetry::AccessRecord&);
std::string written(const telemetry::AccessRecord& call, Write& write = write_call_event) {
  std::array<char, Lane::kMaxEvent> room;
  const std::size_t size = write(room, call);
  EXPECT_LE(size, room.size());
  return {room.data(), size};
}

constexpr std::string_view kCall =
    R"("request_id":"0190b5f0c0de",)"
    R"("principal":"billing-service","auth":"api_key","key_id":"7f3k9x2m",)"
    R"("certificate":"dns:billing.example.com","door":"dns","address":"192.0.2.7","upstream":"openai","method":"POST",)"
    R"("path":"/v1/chat/completions","decision":"allowed","grant":"billing-openai","credential":"openai-main",)"
    R"("credential_version":3)";

TEST(CallEvent, SaysWhatTheAccessLogSaysUnderTheSameNames) {
  EXPECT_EQ(written(full_call()),
            R"({"v":1,"time":"2026-01-01T00:00:01.234Z","type":"call.finished",)" + std::string(kCall) +
                R"(,"credential_opened":1,"status":200,"code":"ok","bytes_in":512,)"
                R"("bytes_out":18446744073709551615,"duration_us":1250,"reused":true})");
}

TEST(CallEvent, OfACallThatBeginsSaysNothingOfWhatCameOfIt) {
  EXPECT_EQ(written(full_call(), write_call_started),
            R"({"v":1,"time":"2026-01-01T00:00:01.234Z","type":"call.started",)" + std::string(kCall) + "}");
}

TEST(CallEvent, IsALineHoweverLongAndWildItsTextsAre) {
  for (const char c : {'x', '"', '\n', '\0', '\x7f', '\xff'}) {
    const std::string wild(100'000, c);
    telemetry::AccessRecord call = full_call();
    call.request_id = call.trace_id = call.span_id = call.principal = call.auth = call.key_id =
        call.certificate = call.door = call.address = call.upstream = call.method = call.path = call.query =
            call.decision = call.rule = call.code = call.grant = call.credential = wild;
    EXPECT_TRUE(is_line(written(call)));
    EXPECT_TRUE(is_line(written(call, write_call_started)));
  }
}

}  // namespace
}  // namespace claviger::audit
