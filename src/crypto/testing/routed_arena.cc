// SPDX-License-Identifier: Apache-2.0
#include "crypto/testing/routed_arena.h"

#include "base/check.h"
#include "crypto/openssl_memory.h"

namespace claviger::crypto::testing {

base::SecretArena& routed_arena() {
  // Never destroyed: OpenSSL frees at exit, after everything else.
  static base::SecretArena* const arena = [] {
    auto made = base::SecretArena::create({.memory = base::SecretArena::Memory::kLocked, .limit = 8 << 20});
    CLV_CHECK(made.has_value() && route_openssl_memory(**made).has_value());
    return made->release();
  }();
  return *arena;
}

}  // namespace claviger::crypto::testing
