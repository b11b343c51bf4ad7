// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "audit/lane.h"
#include "base/clock.h"
#include "telemetry/access_log.h"

namespace claviger::audit {

// The JSON object of an event that is not a call: {"v":1,"time":...,"type":...,<fields>}. Off the hot path.
//
//   Event(clock.wall(), "api_key.revoked").add("actor", actor).add("api_key", id).text()
//
// Names are literals of [a-z_], each given once. The event never gets longer than Lane::kMaxEvent: a field that has no
// place any more is left out, with "<name>_cut":true in its stead.
class Event {
 public:
  Event(WallTime time, std::string_view type);
  // Left out when empty; cut at 1 KiB, escaped.
  Event& add(std::string_view name, std::string_view value) &;
  Event&& add(std::string_view name, std::string_view value) && { return std::move(add(name, value)); }
  Event& add(std::string_view name, std::uint64_t value) &;
  Event&& add(std::string_view name, std::uint64_t value) && { return std::move(add(name, value)); }
  // A JSON value as it is, on one line.
  Event& add_json(std::string_view name, std::string_view json) &;
  Event&& add_json(std::string_view name, std::string_view json) && {
    return std::move(add_json(name, json));
  }
  std::string text() &&;

 private:
  std::string text_;  // without the closing brace
};

// The events of a call, of what the access log says of it, under the same names, written into a lane's room:
// "call.finished" when it is over, and "call.started" before it is sent where that has to be on disk first; the latter has
// nothing of what came of it. They return the size. No allocation.
std::size_t write_call_event(std::span<char, Lane::kMaxEvent> room,
                             const telemetry::AccessRecord& call) noexcept;
std::size_t write_call_started(std::span<char, Lane::kMaxEvent> room,
                               const telemetry::AccessRecord& call) noexcept;

}  // namespace claviger::audit
