// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "doors/admin/call.h"

namespace claviger::doors::admin {

inline constexpr int kCostOfFailure = 5;  // calls, the one itself among them

// Takes the call off its rate, `cost` times: of its principal at its address once that is known, of its address else. kLimited.
Result<void> take_rate(Context& context, AdminCall& call, int cost);

// Who calls, and what they may do: fills actor and right. Keys come in X-API-Key or as Bearer, nowhere else: browsers send
// Basic by themselves, on anybody's behalf. kUnauthenticated, kBadRequest
// when two different keys are presented, kDenied when the principal has no business with management.
Result<void> authenticate(Context& context, AdminCall& call);

// No page of another origin sends calls through somebody's browser (Fetch Metadata). kDenied.
Result<void> check_origin(const http::Fields& fields);

}  // namespace claviger::doors::admin
