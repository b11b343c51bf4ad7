// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "gateway/body_copy.h"
#include "gateway/call.h"
#include "gateway/interruption.h"
#include "gateway/worker.h"
#include "http/server_connection.h"
#include "net/task.h"

namespace claviger::gateway {

// Takes all of the request's body before anything is sent (credentials::BodyNeed::kDigest): `body` is whole then. A caller that
// waits for leave to send it gets it.
// kTooLarge over kMostDigested; kUnavailable while others' bodies take the room, or little is left and this caller has its share of it; what read_body() says; kCancelled when interrupted.
// Requires: all of them outlive the task.
net::Task<Result<void>> take_whole_body(Worker& worker, http::ServerConnection& caller, const Call& call,
                                        BodyCopy& body, Interruption& interruption);

}  // namespace claviger::gateway
