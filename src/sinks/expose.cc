// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/json.h"
#include "sinks/sinks.h"
#include "telemetry/exposition.h"

namespace claviger::sinks {
namespace {

struct Family {
  const char* name;
  const char* type;
  const char* help;
  std::uint64_t (*of)(const SinkState&);
};

constexpr Family kFamilies[] = {
    {"claviger_sink_events_sent_total", "counter",
     "Events of the audit log that the sink has taken, those sent again included.",
     [](const SinkState& state) { return state.sent; }},
    {"claviger_sink_failures_total", "counter",
     "Attempts to send that failed; what was to be sent is sent again.",
     [](const SinkState& state) { return state.failed; }},
    {"claviger_sink_events_lost_total", "counter",
     "Events that were pruned (audit.retention) before the sink had them.",
     [](const SinkState& state) { return state.lost; }},
    {"claviger_sink_lag_events", "gauge", "Events on disk that the sink does not have yet.",
     [](const SinkState& state) { return state.behind_events; }},
    {"claviger_sink_lag_seconds", "gauge",
     "Age of the oldest event that the sink is not known to have; 0 when it has all.",
     [](const SinkState& state) { return state.behind_seconds; }},
    {"claviger_sink_failing", "gauge", "1 while the last attempt to send did not succeed.",
     [](const SinkState& state) { return std::uint64_t{state.failing}; }},
};

}  // namespace

std::string expose(const std::vector<SinkState>& states) {
  telemetry::Exposition out;
  if (states.empty()) return out.take();
  for (const Family& family : kFamilies) {
    out.family(family.name, family.type, family.help);
    for (const SinkState& state : states)
      out.sample(family.name, telemetry::label("sink", state.name), family.of(state));
  }
  return out.take();
}

std::string to_json(const std::vector<SinkState>& states) {
  std::string out = "[";
  for (const SinkState& state : states) {
    if (out.size() > 1) out += ',';
    out += R"({"name":)";
    base::append_json_string(out, state.name);
    out += R"(,"type":)";
    base::append_json_string(out, state.type);
    out += fmt::format(
        R"(,"next_event":{},"behind_events":{},"behind_seconds":{},"sent":{},"failed":{},"lost":{},"failing":{},"failure":)",
        state.next_event, state.behind_events, state.behind_seconds, state.sent, state.failed, state.lost,
        state.failing);
    base::append_json_string(out, state.failure);
    out += '}';
  }
  return out + "]";
}

}  // namespace claviger::sinks
