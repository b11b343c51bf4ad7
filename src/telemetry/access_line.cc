// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_line.h"

#include <algorithm>

namespace claviger::telemetry {
namespace {

// At most what a text becomes, escaped and cut.
constexpr std::size_t bound(std::string_view text) {
  return std::min(text.size() * kJsonUnitMax, kJsonTextMax);
}

// What else a line can hold: literals, numbers, and the texts at their longest.
constexpr std::size_t kNumbersAndNames = 512;
constexpr std::size_t kTexts = 11;
static_assert(kAccessLineMax > kNumbersAndNames + kTexts * kJsonTextMax + kJsonCutMark.size());

std::size_t room_for_path(std::size_t used, const AccessRecord& record) noexcept {
  const std::size_t behind = bound(record.code) + bound(record.grant) + bound(record.credential);
  return kAccessLineMax - used - behind - kNumbersAndNames - kJsonCutMark.size();
}

}  // namespace

void write_access_members(JsonLine& line, const AccessRecord& record) noexcept {
  line.text(R"(,"request_id":")", record.request_id);
  line.text(R"(,"principal":")", record.principal);
  line.text(R"(,"auth":")", record.auth);
  line.text(R"(,"key_id":")", record.key_id);
  line.text(R"(,"certificate":")", record.certificate);
  line.text(R"(,"address":")", record.address);
  line.text(R"(,"upstream":")", record.upstream);
  line.text(R"(,"method":")", record.method);
  line.path(R"(,"path":")", record.path, room_for_path(line.size(), record));
  line.number(R"(,"status":)", record.status);
  line.text(R"(,"code":")", record.code);
  line.text(R"(,"grant":")", record.grant);
  line.text(R"(,"credential":")", record.credential);
  line.number(R"(,"bytes_in":)", record.bytes_in);
  line.number(R"(,"bytes_out":)", record.bytes_out);
  line.number(R"(,"duration_us":)",
              static_cast<std::uint64_t>(std::max<std::int64_t>(record.duration.count(), 0)));
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
  write_access_members(line, record);
  line.literal("}\n");
  return line.size();
}

}  // namespace claviger::telemetry
