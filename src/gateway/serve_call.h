// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "gateway/worker.h"
#include "http/server_connection.h"
#include "net/task.h"

namespace claviger::gateway {

// A call from its head, which was read, to its record: waits until it can be recorded, decides by the newest world, relays.
// Requires: both outlive the task.
net::Task<void> serve_call(Worker& worker, http::ServerConnection& caller);

// Answers a head that could not be read, or whose body is refused by its length.
net::Task<void> refuse_call(Worker& worker, http::ServerConnection& caller, Error error);

}  // namespace claviger::gateway
