// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "gateway/call.h"
#include "gateway/worker.h"
#include "net/task.h"

namespace claviger::gateway {

// The quota's lease runs out: asks for more, with nobody waiting.
void ask_for_lease(Worker& worker, const Call& call) noexcept;

// Has the call that needs one counted where leases are made, and notes the decision in it. kUnavailable when that
// cannot be saved, or takes too long (policy/lease_wait.h).
// Requires: worker and call outlive the task, and so does what the call points at.
net::Task<Result<void>> wait_for_lease(Worker& worker, Call& call);

}  // namespace claviger::gateway
