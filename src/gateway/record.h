// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gateway/call.h"
#include "gateway/worker.h"

namespace claviger::gateway {

// Writes the call's event into the audit lane, and its line into the access log. The last thing that happens to every
// call, whatever came of it. One that is refused may be counted instead of having an event (gateway/refusals.h).
void record_call(Worker& worker, const Call& call) noexcept;

// Writes into the audit lane that the call begins: what is known of it when it has been decided. Requires: there is a lane.
void record_start(Worker& worker, Call& call) noexcept;

// The line alone: of a request for which nothing was done because the lane has no room for its event.
void record_line(Worker& worker, const Call& call) noexcept;

}  // namespace claviger::gateway
