// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_line.h"

#include <algorithm>

namespace claviger::telemetry {
namespace {

// Of ids and of words that the gateway chose.
constexpr std::size_t kWordMax = 64;
constexpr std::size_t kWords = 9;
constexpr std::size_t kTexts = 7;
constexpr std::size_t kQueryMax = 1024;
// What else a line can hold: what came before, literals and numbers.
constexpr std::size_t kBefore = 128;
constexpr std::size_t kNumbersAndNames = 896;
static_assert(kAccessLineMax - 256 > 2 * (kBefore + kNumbersAndNames) + kWords * kWordMax +
                                         kTexts * kJsonTextMax + kQueryMax + 2 * kJsonCutMark.size());

// What most calls say, put down as one piece.
constexpr std::string_view kAllowed = "allowed";
constexpr std::string_view kApiKey = "api_key";
constexpr std::string_view kOk = "ok";

constexpr std::size_t bound(std::string_view text, std::size_t most) {
  return std::min(text.size() * kJsonUnitMax, most);
}

// What there is for any path, whatever stands beside it.
constexpr std::size_t kSureForPath = 256;

std::size_t room_for_path(std::size_t used, const AccessRecord& record) noexcept {
  if (record.path.size() * kJsonUnitMax <= kSureForPath) return kSureForPath;
  const std::size_t behind = bound(record.query, kQueryMax) + 3 * kWordMax +
                             bound(record.grant, kJsonTextMax) + bound(record.credential, kJsonTextMax) +
                             kNumbersAndNames + 2 * kJsonCutMark.size();
  return kAccessLineMax - used - behind;
}

std::uint64_t microseconds(std::chrono::microseconds time) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
}

}  // namespace

void write_call_members(JsonLine& line, const AccessRecord& record) noexcept {
  line.text(R"(,"request_id":")", record.request_id, kWordMax);
  if (!record.trace_id.empty()) {
    line.text(R"(,"trace_id":")", record.trace_id, kWordMax);
    line.text(R"(,"span_id":")", record.span_id, kWordMax);
  }
  line.text(R"(,"principal":")", record.principal);
  if (record.auth == kApiKey) line.literal(R"(,"auth":"api_key")");
  else line.text(R"(,"auth":")", record.auth, kWordMax);
  line.text(R"(,"key_id":")", record.key_id, kWordMax);
  line.text(R"(,"certificate":")", record.certificate);
  line.text(R"(,"door":")", record.door);
  line.text(R"(,"address":")", record.address, kWordMax);
  line.text(R"(,"upstream":")", record.upstream);
  line.text(R"(,"method":")", record.method);
  line.path(R"(,"path":")", record.path, room_for_path(line.size(), record));
  line.path(R"(,"query":")", record.query, kQueryMax);
  if (record.decision == kAllowed) line.literal(R"(,"decision":"allowed")");
  else line.text(R"(,"decision":")", record.decision, kWordMax);
  line.text(R"(,"rule":")", record.rule, kWordMax);
  line.text(R"(,"grant":")", record.grant);
  line.text(R"(,"credential":")", record.credential);
  if (record.credential_version > 0) line.number(R"(,"credential_version":)", record.credential_version);
}

void write_outcome_members(JsonLine& line, const AccessRecord& record) noexcept {
  if (record.credential_opened > 0) line.number(R"(,"credential_opened":)", record.credential_opened);
  if (record.status == 200) line.literal(R"(,"status":200)");
  else line.number(R"(,"status":)", record.status);
  if (record.code == kOk) line.literal(R"(,"code":"ok")");
  else line.text(R"(,"code":")", record.code, kWordMax);
  line.number(R"(,"bytes_in":)", record.bytes_in);
  line.number(R"(,"bytes_out":)", record.bytes_out);
  line.number(R"(,"duration_us":)", microseconds(record.duration));
  if (record.waited.count() > 0) line.number(R"(,"waited_us":)", microseconds(record.waited));
  if (record.connect.count() > 0) line.number(R"(,"connect_us":)", microseconds(record.connect));
  if (record.first_byte.count() > 0) line.number(R"(,"first_byte_us":)", microseconds(record.first_byte));
  if (record.reused) line.literal(",\"reused\":true");
  else line.literal(",\"reused\":false");
  if (record.retries > 0) line.number(R"(,"retries":)", record.retries);
}

std::size_t write_access_line(std::span<char, kAccessLineMax> out, const AccessRecord& record,
                              TimestampWriter& timestamps) noexcept {
  JsonLine line(out.data());
  line.literal(R"({"time":")");
  line.time(record.time, timestamps);
  line.literal(R"(")");
  write_call_members(line, record);
  write_outcome_members(line, record);
  line.literal("}\n");
  return line.size();
}

}  // namespace claviger::telemetry
