// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gateway/call.h"
#include "gateway/worker.h"

// The stages of the pipeline, one file each. pipeline.cc has their order and the reasons for it.
namespace claviger::gateway::stages {

// Looks whether the address has presented too many bad credentials. It refuses nobody by itself: who has a good one must
// not be locked out by whoever shares the address (a NAT, a load balancer, this machine).
Result<void> limit_address(Call& call, Worker& worker) noexcept;
// Refuses a path that is not canonical, and an API key in a URL (kBadRequest).
Result<void> normalize(Call& call, Worker& worker) noexcept;
// Finds out who is calling (kUnauthenticated, kBadRequest; kLimited instead of kUnauthenticated for a limited address;
// kDenied for a page of another site behind a browser's certificate).
Result<void> authenticate(Call& call, Worker& worker) noexcept;
// Finds the upstream by its mount (kNoUpstream, kBadRequest for an encoded slash it does not take).
Result<void> resolve(Call& call, Worker& worker) noexcept;
// Finds the grant that allows the call (kDenied).
Result<void> authorize(Call& call, Worker& worker) noexcept;
// Takes the call off the grant's rate (kLimited).
Result<void> limit(Call& call, Worker& worker) noexcept;
// Marks the fields that go on: nothing hop-by-hop, no credential of the caller's. Never fails.
Result<void> strip(Call& call, Worker& worker) noexcept;
// Chooses the credential (kNoCredential).
Result<void> attach(Call& call, Worker& worker) noexcept;

}  // namespace claviger::gateway::stages
