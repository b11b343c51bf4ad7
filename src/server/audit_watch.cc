// SPDX-License-Identifier: Apache-2.0
#include "server/audit_watch.h"

#include <chrono>

namespace claviger::server {

void AuditWatch::look(const audit::LogState& state) {
  if (state.failing != was_failing_) look_at_failure(state);
  if (state.is_low_on_space != was_low_) look_at_space(state);
  if (state.upkeep_failure != upkeep_failure_) look_at_upkeep(state);
}

void AuditWatch::look_at_failure(const audit::LogState& state) {
  was_failing_ = state.failing;
  if (state.failing) {
    failing_since_ = clock_.monotonic();
    log_.error("audit_log_failing", {{"reason", state.failure},
                                     {"detail",
                                      "calls get 503 (in group mode after audit.lane_timeout); it is "
                                      "tried again by itself"}});
    return record_(audit::Event(clock_.wall(), "audit.failing").add("reason", state.failure));
  }
  const auto lasted =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - failing_since_);
  log_.info("audit_log_recovered", {{"after_ms", lasted.count()}});
  record_(audit::Event(clock_.wall(), "audit.recovered")
              .add("after_ms", static_cast<std::uint64_t>(lasted.count())));
}

void AuditWatch::look_at_upkeep(const audit::LogState& state) {
  upkeep_failure_ = state.upkeep_failure;
  if (upkeep_failure_.empty()) return log_.info("audit_log_upkeep_recovered");
  log_.warning("audit_log_upkeep_failing",
               {{"reason", upkeep_failure_},
                {"detail",
                 "no new segment is begun, or an old one is not pruned; the log goes on, and it is "
                 "tried again by itself"}});
}

void AuditWatch::look_at_space(const audit::LogState& state) {
  was_low_ = state.is_low_on_space;
  if (was_low_) {
    log_.error("audit_log_low_on_space",
               {{"free_bytes", state.free_bytes},
                {"detail",
                 "calls get 503 (in group mode after audit.lane_timeout); management goes on, out of the "
                 "reserve"}});
  } else {
    log_.info("audit_log_has_space", {{"free_bytes", state.free_bytes}});
  }
  record_(audit::Event(clock_.wall(), was_low_ ? "audit.low_on_space" : "audit.space_regained")
              .add("free_bytes", state.free_bytes)
              .add("log_bytes", state.bytes));
}

}  // namespace claviger::server
