// SPDX-License-Identifier: Apache-2.0
// Apart from event.cc, so that a benchmark can put another in its place (bench/null_audit_log.cc).

#include "audit/event.h"
#include "telemetry/access_line.h"
#include "telemetry/json_line.h"

namespace claviger::audit {

namespace {

// The event up to what came of the call. `line` writes to the front of a lane's room.
template <std::size_t N>
void begin(telemetry::JsonLine& line, const char (&type)[N], const telemetry::AccessRecord& call) noexcept {
  static_assert(Lane::kMaxEvent == telemetry::kAccessLineMax);
  constinit static thread_local telemetry::TimestampWriter
      timestamps;  // the second written last, nothing else
  line.literal(R"({"v":1,"time":")");
  line.time(call.time, timestamps);
  line.literal(type);
  telemetry::write_call_members(line, call);
}

}  // namespace

std::size_t write_call_event(std::span<char, Lane::kMaxEvent> room,
                             const telemetry::AccessRecord& call) noexcept {
  telemetry::JsonLine line(room.data());
  begin(line, R"(","type":"call.finished")", call);
  telemetry::write_outcome_members(line, call);
  line.literal("}");
  return line.size();
}

std::size_t write_call_started(std::span<char, Lane::kMaxEvent> room,
                               const telemetry::AccessRecord& call) noexcept {
  telemetry::JsonLine line(room.data());
  begin(line, R"(","type":"call.started")", call);
  line.literal("}");
  return line.size();
}

}  // namespace claviger::audit
