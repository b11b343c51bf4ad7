// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "gateway/call.h"
#include "gateway/worker.h"
#include "http/server_connection.h"
#include "net/task.h"

namespace claviger::gateway {

// A call from its head, which was read, to its record: waits until it can be recorded, decides by the newest world, relays.
// `door`: whose connection it is; null: somebody's outside.
// Requires: all of them outlive the task.
net::Task<void> serve_call(Worker& worker, http::ServerConnection& caller, const DoorCaller* door = nullptr);

// Answers a head that could not be read, or whose body is refused by its length.
net::Task<void> refuse_call(Worker& worker, http::ServerConnection& caller, Error error,
                            const DoorCaller* door = nullptr);

}  // namespace claviger::gateway
