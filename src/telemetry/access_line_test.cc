// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_line.h"

#include "telemetry/redact.h"

namespace claviger::telemetry {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNewYear{std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)};

AccessRecord full_record() {
  return {.time = kNewYear + 1234567us,
          .request_id = "0190b5f0c0de",
          .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
          .span_id = "00f067aa0ba902b7",
          .principal = "billing-service",
          .auth = "api_key",
          .key_id = "7f3k9x2m",
          .certificate = "dns:billing.example.com",
          .door = "dns",
          .address = "192.0.2.7",
          .upstream = "openai",
          .method = "POST",
          .path = "/v1/chat/completions",
          .query = "page=2&q=*",
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
          .waited = 7us,
          .connect = 300us,
          .first_byte = 1'200us,
          .reused = true};
}

std::string line_of(const AccessRecord& record) {
  TimestampWriter timestamps;
  std::array<char, kAccessLineMax> buffer;
  const std::size_t size = write_access_line(buffer, record, timestamps);
  EXPECT_LE(size, kAccessLineMax);
  return {buffer.data(), size};
}

TEST(AccessLine, HasEveryMemberInFixedOrder) {
  EXPECT_EQ(
      line_of(full_record()),
      R"({"time":"2026-01-01T00:00:01.234Z","request_id":"0190b5f0c0de",)"
      R"("trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","principal":"billing-service",)"
      R"("auth":"api_key","key_id":"7f3k9x2m","certificate":"dns:billing.example.com","door":"dns","address":"192.0.2.7",)"
      R"("upstream":"openai","method":"POST",)"
      R"("path":"/v1/chat/completions","query":"page=2&q=*","decision":"allowed","grant":"billing-openai",)"
      R"("credential":"openai-main","credential_version":3,"credential_opened":1,"status":200,"code":"ok",)"
      R"("bytes_in":512,"bytes_out":18446744073709551615,)"
      R"("duration_us":1250,"waited_us":7,"connect_us":300,"first_byte_us":1200,"reused":true})"
      "\n");
}

TEST(AccessLine, LeavesOutEmptyTexts) {
  EXPECT_EQ(
      line_of({.time = kNewYear, .duration = -1us}),
      R"({"time":"2026-01-01T00:00:00.000Z","status":0,"bytes_in":0,"bytes_out":0,"duration_us":0,"reused":false})"
      "\n");
}

TEST(AccessLine, EscapesWhateverIsInATextInAPath) {
  AccessRecord record = full_record();
  record.principal = "a\"b";
  record.path = "/a\nb\\\x1b\xff/caf\xc3\xa9";
  const std::string line = line_of(record);
  EXPECT_THAT(line, ::testing::HasSubstr(R"("principal":"a\"b",)"));
  EXPECT_THAT(line, ::testing::HasSubstr("\"path\":\"/a\\nb\\\\\\u001b\xef\xbf\xbd/caf\xc3\xa9\","));
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
}

TEST(AccessLine, EscapesEveryByteAtEveryPlace) {
  for (std::size_t place = 0; place < 20; ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string path(20, '~');
      path[place] = static_cast<char>(byte);
      std::string expected = "\"path\":\"";
      append_json_escaped(expected, path);
      EXPECT_THAT(line_of({.path = path}), ::testing::HasSubstr(expected + "\",\"status\""))
          << place << ' ' << byte;
    }
  }
}

TEST(AccessLine, EscapesTextsOfEverySizeThatHaveOneByteToEscapeOrNone) {
  for (std::size_t size = 1; size <= 34; ++size) {
    for (std::size_t place = 0; place <= size; ++place) {
      std::string name(size, '~');
      for (std::size_t i = 0; i < size; ++i) name[i] = static_cast<char>('a' + i % 26);
      if (place < size) name[place] = '"';
      std::string expected = "\"principal\":\"";
      append_json_escaped(expected, name);
      EXPECT_THAT(line_of({.principal = name}), ::testing::HasSubstr(expected + "\",\"status\"")) << name;
    }
  }
}

TEST(AccessLine, CutsThePathWhereTheLineWouldGetTooLong) {
  AccessRecord record = full_record();
  const std::string longest(6'000, 'x');
  record.path = longest;
  EXPECT_THAT(line_of(record), ::testing::HasSubstr(longest + "\",\"query\""));

  const std::string endless(100'000, 'x');
  record.path = endless;
  const std::string line = line_of(record);
  EXPECT_THAT(line, ::testing::HasSubstr("xxxx[cut]\",\"query\":\"page"));
  EXPECT_THAT(line, ::testing::EndsWith("\"reused\":true}\n"));
  EXPECT_GT(line.size(), 6'000U);
}

TEST(AccessLine, CutsTheQueryAndLeavesThePathItsRoom) {
  AccessRecord record = full_record();
  const std::string endless(100'000, 'q');
  record.query = endless;
  const std::string longest(5'000, 'x');
  record.path = longest;
  const std::string line = line_of(record);
  EXPECT_THAT(line, ::testing::HasSubstr(longest + "\",\"query\":\"" + endless.substr(0, 1024) + "[cut]\","));
}

TEST(AccessLine, ASpanWithoutATraceIsNone) {
  AccessRecord record = full_record();
  record.trace_id = {};
  EXPECT_THAT(line_of(record), ::testing::Not(::testing::HasSubstr("span_id")));
}

TEST(AccessLine, IsBoundedWhateverTheRecordSays) {
  const std::string text(20'000, '\x01');
  const std::string_view v = text;
  AccessRecord record{.time = WallTime::max(),
                      .request_id = v,
                      .trace_id = v,
                      .span_id = v,
                      .principal = v,
                      .auth = v,
                      .key_id = v,
                      .certificate = v,
                      .door = v,
                      .address = v,
                      .upstream = v,
                      .method = v,
                      .path = v,
                      .query = v,
                      .decision = v,
                      .rule = v,
                      .grant = v,
                      .credential = v,
                      .credential_version = UINT32_MAX,
                      .credential_opened = UINT32_MAX,
                      .status = UINT_MAX,
                      .code = v,
                      .bytes_in = UINT64_MAX,
                      .bytes_out = UINT64_MAX,
                      .duration = std::chrono::microseconds::max(),
                      .waited = std::chrono::microseconds::max(),
                      .connect = std::chrono::microseconds::max(),
                      .first_byte = std::chrono::microseconds::max(),
                      .retries = UINT_MAX};
  const std::string line = line_of(record);
  EXPECT_THAT(line, ::testing::EndsWith("\"reused\":false,\"retries\":4294967295}\n"));
  EXPECT_THAT(line, ::testing::HasSubstr("\\u0001[cut]\",\"query\":\"\\u0001"));
  EXPECT_THAT(line, ::testing::HasSubstr("\\u0001[cut]\",\"decision\":\"\\u0001"));
  // Escapes are never cut apart.
  for (std::size_t i = 0; (i = line.find('\\', i)) != std::string::npos; i += 6)
    EXPECT_EQ(line.substr(i, 6), "\\u0001");
}

TEST(TimestampWriter, FollowsTheCalendar) {
  TimestampWriter timestamps;
  const auto written = [&](WallTime time) {
    std::string text(TimestampWriter::kSize, ' ');
    timestamps.write(text.data(), time);
    return text;
  };
  EXPECT_EQ(written(kNewYear), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(written(kNewYear + 999'999us), "2026-01-01T00:00:00.999Z");
  EXPECT_EQ(written(kNewYear + 1s), "2026-01-01T00:00:01.000Z");
  EXPECT_EQ(written(kNewYear - 1us), "2025-12-31T23:59:59.999Z");
  EXPECT_EQ(written(kNewYear - 1us), "2025-12-31T23:59:59.999Z");
  EXPECT_EQ(written(WallTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(written(WallTime{-1ms}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(written(WallTime{std::chrono::sys_days(std::chrono::year(2028) / 2 / 29)} + 13h + 7min),
            "2028-02-29T13:07:00.000Z");
}

}  // namespace
}  // namespace claviger::telemetry
