// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "gateway/call.h"
#include "telemetry/log.h"

namespace claviger::gateway {

// Tells operators why calls fail through no fault of their callers: the caller gets a status, the log the reason.
// Ten lines a second at the most, and none while nobody reads the log, so that a dead upstream cannot drown it and
// a stuck one cannot stall calls; what was left out is counted in the next line.
//
// Threads: one worker's.
class FailureLog {
 public:
  explicit FailureLog(telemetry::Log& log) noexcept : log_(&log) {}
  void note(const Call& call, const Error& error) noexcept;

 private:
  static constexpr unsigned kLinesASecond = 10;
  telemetry::Log* log_;
  Monotonic second_began_{};
  unsigned lines_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace claviger::gateway
