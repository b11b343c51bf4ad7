// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/check.h"
#include "base/secret_arena.h"
#include "crypto/openssl_memory.h"

namespace claviger::crypto::testing {

// A locked arena of 8 MiB that OpenSSL's memory is routed to, for the rest of the process. Locked, since a
// scan cannot read a memfd's pages. Call it before OpenSSL is used, from a static initialiser of the test:
//   base::SecretArena& arena = crypto::testing::routed_arena();
inline base::SecretArena& routed_arena() {
  // Never destroyed: OpenSSL frees at exit, after everything else.
  static base::SecretArena* const arena = [] {
    auto made = base::SecretArena::create({.memory = base::SecretArena::Memory::kLocked, .limit = 8 << 20});
    CLV_CHECK(made.has_value() && route_openssl_memory(**made).has_value());
    return made->release();
  }();
  return *arena;
}

}  // namespace claviger::crypto::testing
