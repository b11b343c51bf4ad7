// SPDX-License-Identifier: Apache-2.0
// Apart from event.cc, so that a benchmark can put another in its place (bench/null_audit_log.cc).

#include "audit/event.h"
#include "telemetry/access_line.h"
#include "telemetry/json_line.h"

namespace claviger::audit {

std::size_t write_call_event(std::span<char, Lane::kMaxEvent> room,
                             const telemetry::AccessRecord& call) noexcept {
  static_assert(Lane::kMaxEvent == telemetry::kAccessLineMax);
  constinit static thread_local telemetry::TimestampWriter
      timestamps;  // the second written last, nothing else
  telemetry::JsonLine line(room.data());
  line.literal(R"({"v":1,"time":")");
  line.time(call.time, timestamps);
  line.literal(R"(","type":"call.finished")");
  telemetry::write_access_members(line, call);
  line.literal("}");
  return line.size();
}

}  // namespace claviger::audit
