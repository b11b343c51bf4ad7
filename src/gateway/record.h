// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gateway/call.h"
#include "gateway/worker.h"

namespace claviger::gateway {

// Writes the call's line. The last thing that happens to every call, whatever came of it.
void record_call(Worker& worker, const Call& call) noexcept;

}  // namespace claviger::gateway
