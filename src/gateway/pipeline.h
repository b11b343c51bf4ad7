// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "gateway/call.h"
#include "gateway/worker.h"

namespace claviger::gateway {

// A step between a request's head and the relay: small, synchronous, in a file of its own under
// stages/. It adds what it found out to the call, or ends it with an Error.
struct Stage {
  std::string_view name;
  Result<void> (*run)(Call& call, Worker& worker) noexcept;
};

// All of them, in the order they run.
std::span<const Stage> all_stages() noexcept;

// Runs the stages until one refuses, or says what it needs (call.needs_lease): then the call is run again, from the
// first, when it has that (gateway/serve_call.cc). What stands in `call` afterwards is as far as they got.
Result<void> run_pipeline(Call& call, Worker& worker) noexcept;

}  // namespace claviger::gateway
