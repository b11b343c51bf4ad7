// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/door_stats.h"

#include <map>
#include <utility>

#include "http/problem.h"
#include "telemetry/exposition.h"

namespace claviger::doors::externaldns {
namespace {

using telemetry::label;

// Without a turn of its loop for so long the door's thread hangs: the longest that it does in one go are a few seconds.
constexpr auto kLongestTurn = std::chrono::seconds(30);

std::string labels(std::string_view door, std::string_view name, std::string_view value) {
  return label("door", door) + "," + label(name, value);
}

}  // namespace

std::string_view call_name(WebhookCall call) noexcept {
  switch (call) {
    case WebhookCall::kNegotiate:
      return "negotiate";
    case WebhookCall::kRecords:
      return "records";
    case WebhookCall::kAdjust:
      return "adjust";
    case WebhookCall::kApply:
      break;
  }
  return "apply";
}

void DoorStats::answered(WebhookCall call, bool is_good, std::chrono::nanoseconds took,
                         WallTime now) noexcept {
  PerCall& cells = calls_[static_cast<std::size_t>(call)];
  add(is_good ? cells.good : cells.refused);
  cells.took.add(took);
  if (is_good)
    cells.last_good.store(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count(),
                          std::memory_order_relaxed);
}

bool DoorStats::is_alive(Monotonic now) const noexcept {
  const Monotonic last{Monotonic::duration(beat_.load(std::memory_order_relaxed))};
  return now - last < kLongestTurn;
}

void DoorStats::reached(std::string why_not) {
  const std::scoped_lock lock(mutex_);
  why_not_ = std::move(why_not);
}

std::string DoorStats::why_not_ready() const {
  const std::scoped_lock lock(mutex_);
  return why_not_;
}

std::string expose(std::span<const NamedDoor> doors) {
  telemetry::Exposition out;
  if (doors.empty()) return out.take();
  constexpr std::array kCalls = {WebhookCall::kNegotiate, WebhookCall::kRecords, WebhookCall::kAdjust,
                                 WebhookCall::kApply};
  const auto each_call = [&](auto&& act) {
    for (const NamedDoor& door : doors)
      for (const WebhookCall call : kCalls)
        act(door.name, call_name(call), door.stats->calls_[static_cast<std::size_t>(call)]);
  };
  out.family("claviger_dns_requests_total", "counter",
             "Requests of ExternalDNS: `ok`, or `refused` with 503 for whatever reason.");
  each_call([&](auto door, auto call, const auto& cells) {
    const std::string both = labels(door, "call", call);
    out.sample("claviger_dns_requests_total", both + "," + label("result", "ok"), cells.good.load());
    out.sample("claviger_dns_requests_total", both + "," + label("result", "refused"), cells.refused.load());
  });
  out.family("claviger_dns_refusals_total", "counter",
             "Those that were refused, by the code of the reason (docs/errors.md).");
  each_call([&](auto door, auto call, const auto& cells) {
    // Several codes of the gateway's own are one to whoever asks.
    std::map<std::string_view, std::uint64_t> totals;
    for (std::size_t i = 0; i < cells.why.size(); ++i)
      totals[http::problem_kind(static_cast<Code>(i)).code] += cells.why[i].load();
    for (const auto& [reason, total] : totals)
      if (total > 0)
        out.sample("claviger_dns_refusals_total", labels(door, "call", call) + "," + label("reason", reason),
                   total);
  });
  out.family("claviger_dns_request_seconds", "histogram", "How long they took, from head to answer.");
  each_call([&](auto door, auto call, const auto& cells) {
    out.histogram("claviger_dns_request_seconds", labels(door, "call", call), cells.took);
  });
  out.family("claviger_dns_last_success_timestamp_seconds", "gauge",
             "When one was last answered well, in seconds since 1970; 0: never.");
  each_call([&](auto door, auto call, const auto& cells) {
    out.sample("claviger_dns_last_success_timestamp_seconds", labels(door, "call", call),
               cells.last_good.load());
  });
  out.family("claviger_dns_record_changes_total", "counter",
             "Changes of records (one name and type each) that were asked for, by what became of them.");
  for (const NamedDoor& door : doors)
    for (std::size_t i = 0; i < DoorStats::kOutcomes; ++i)
      out.sample("claviger_dns_record_changes_total",
                 labels(door.name, "outcome", outcome_name(static_cast<Outcome>(i))),
                 door.stats->changes_[i].load());
  out.family("claviger_dns_strangers_total", "counter",
             "Requests on a door's listener that cannot be ExternalDNS's: other paths, browsers.");
  for (const NamedDoor& door : doors)
    out.sample("claviger_dns_strangers_total", label("door", door.name), door.stats->strangers_.load());
  out.family("claviger_dns_ready", "gauge", "1 while DNS can be read, as far as was seen last.");
  for (const NamedDoor& door : doors)
    out.sample("claviger_dns_ready", label("door", door.name), door.stats->why_not_ready().empty() ? 1 : 0);
  return out.take();
}

}  // namespace claviger::doors::externaldns
