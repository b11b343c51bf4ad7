// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "gateway/call.h"
#include "gateway/interruption.h"
#include "gateway/worker.h"
#include "http/server_connection.h"
#include "net/task.h"

namespace claviger::gateway {

// In strict mode nothing is begun while the disk fails: it would only be refused later on.
inline bool lane_is_failing(const Worker& worker) noexcept {
  return worker.disk_queue != nullptr && worker.lane->is_failing();
}

// Whether what comes of a request can be recorded. Always so when there is no audit log.
inline bool lane_has_room(const Worker& worker) noexcept {
  return worker.lane == nullptr || (worker.lane->has_room(worker.loop.now()) && !lane_is_failing(worker));
}

// Waits until it can, Shared::lane_timeout at the most, without reading from the caller; not at all in strict mode while the
// disk fails. kUnavailable when it cannot; kCancelled when the caller is gone, or the gateway stops.
net::Task<Result<void>> wait_for_lane(Worker& worker, http::ServerConnection& caller);

// Strict mode, for a call that the pipeline let through: writes its beginning into the lane, and waits until it is on disk, Shared::lane_timeout
// at the most. Once for a call, however often it is sent. In group mode it does nothing.
// kUnavailable when the disk fails, or takes too long; kCancelled when the caller is gone, or the call is interrupted.
// Requires: all four outlive the task.
net::Task<Result<void>> put_on_disk(Worker& worker, http::ServerConnection& caller, Call& call,
                                    Interruption& interruption);

}  // namespace claviger::gateway
