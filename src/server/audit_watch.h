// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "audit/event.h"
#include "audit/log.h"
#include "base/clock.h"
#include "telemetry/log.h"

namespace claviger::server {

// Says in the operator's log and in the audit log itself when the latter cannot be written, or has little room left, and when
// that is over. What is recorded while it cannot be written lies in memory, and follows when it can.
//
// Threads: the control thread's.
class AuditWatch {
 public:
  using Record = std::function<void(audit::Event)>;
  AuditWatch(const Clock& clock, telemetry::Log& log, Record record)
      : clock_(clock), log_(log), record_(std::move(record)) {}

  // Once a second.
  void look(const audit::LogState& state);

 private:
  void look_at_failure(const audit::LogState& state);
  void look_at_space(const audit::LogState& state);
  void look_at_upkeep(const audit::LogState& state);

  const Clock& clock_;
  telemetry::Log& log_;
  Record record_;
  bool was_failing_ = false;
  Monotonic failing_since_{};
  bool was_low_ = false;
  std::string upkeep_failure_;
};

}  // namespace claviger::server
