// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "gateway/call.h"
#include "gateway/worker.h"
#include "http/server_connection.h"
#include "net/task.h"

namespace claviger::gateway {

// Sends a call that the pipeline let through upstream, and streams the answer back.
//
// An Error with nothing of an answer written (caller.answer_began() is false) is for the door to answer. After
// that the answer is broken off: the caller's connection is told to abort(). A call that is revoked meanwhile (call.revoked)
// ends the same way, with kCancelled.
// Requires: all three outlive the task; `call` went through the pipeline.
net::Task<Result<void>> relay(Worker& worker, http::ServerConnection& caller, Call& call,
                              const AdoptedWorld& world);

}  // namespace claviger::gateway
