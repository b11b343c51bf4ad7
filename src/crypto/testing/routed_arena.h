// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/secret_arena.h"

namespace claviger::crypto::testing {

// A locked arena of 8 MiB that OpenSSL's memory is routed to, for the rest of the process. Locked, since a
// scan cannot read a memfd's pages. Call it before OpenSSL is used, from a static initialiser of the test:
//   const auto& arena = crypto::testing::routed_arena();
base::SecretArena& routed_arena();

}  // namespace claviger::crypto::testing
