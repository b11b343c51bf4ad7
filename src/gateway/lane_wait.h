// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "gateway/worker.h"
#include "http/server_connection.h"
#include "net/task.h"

namespace claviger::gateway {

// Whether what comes of a request can be recorded. Always so when there is no audit log.
inline bool lane_has_room(const Worker& worker) noexcept {
  return worker.lane == nullptr || worker.lane->has_room();
}

// Waits until it can, Shared::lane_timeout at the most, without reading from the caller. kUnavailable when it cannot; kCancelled
// when the caller is gone, or the gateway stops.
net::Task<Result<void>> wait_for_lane(Worker& worker, http::ServerConnection& caller);

}  // namespace claviger::gateway
