// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gateway/call.h"
#include "gateway/worker.h"
#include "http/problem.h"
#include "http/server_connection.h"
#include "net/task.h"

namespace claviger::gateway {

// Writes an answer of the gateway's own (problem+json) in place of an upstream's, and counts it.
// A revoked call gets none: its connection is broken off. Nothing when an answer has begun, or nobody is there to read one.
net::Task<void> answer_with_problem(Worker& worker, http::ServerConnection& caller, Call& call,
                                    const Error& error);

}  // namespace claviger::gateway
