// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "base/result.h"
#include "net/loop.h"
#include "net/task.h"
#include "policy/lease_desk.h"

namespace claviger::policy {

// A worker's way to the desk, which is on the control thread. How a quota is applied:
//
//   QuotaDecision decision = cells.take(key, quota, wall_now);
//   if (decision.ask_now) counter.ask(request);
//   if (decision.kind == kNeedsLease) decision = CLV_CO_TRY(co_await counter.wait(loop, request));
//   // kTaken or kExhausted
//
// Threads: any.
class LeaseCounter {
 public:
  // How long a call waits for the store before it is told that it is unavailable.
  static constexpr std::chrono::seconds kPatience{5};

  // `control` and `desk` outlive the workers.
  LeaseCounter(net::Loop& control, LeaseDesk& desk) noexcept : control_(control), desk_(desk) {}

  // For later, with nobody waiting.
  void ask(LeaseRequest request) const;
  // kTaken or kExhausted. Resumes on `mine`, the worker's own loop, which outlives the desk's answer. Errors: those of
  // LeaseDesk::ask(), and kUnavailable after kPatience (a call that was taken for it by then is forfeited).
  net::Task<Result<QuotaDecision>> wait(net::Loop& mine, LeaseRequest request) const;

 private:
  net::Loop& control_;
  LeaseDesk& desk_;
};

}  // namespace claviger::policy
