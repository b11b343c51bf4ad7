// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/secret_arena.h"

namespace claviger::crypto {

// Routes every allocation of OpenSSL through Claviger: the contexts of ciphers, MACs, key derivation and
// DRBGs (where expanded key schedules live, those of TLS connections included) and X25519/Ed25519 keys into
// the secret arena, everything else onto the heap. Whatever is freed is wiped first, except TLS record
// buffers, which SSL_OP_CLEANSE_PLAINTEXT takes care of. OpenSSL names the source file of each allocation,
// which is how they are told apart; ArenaScope adds to that for keys that OpenSSL would keep elsewhere.
//
// When the arena is spent, TLS traffic keys fall back to the (wiped) heap, counted in
// OpensslMemory::arena_overflows; Claviger's own keys are allocated first and never do (Aead::create fails).
//
// Process-wide state, since OpenSSL has one allocator for each process; the arena must outlive all use
// of OpenSSL (leave it to process exit). Call once, before anything else touches OpenSSL.
// kInternal when OpenSSL has already allocated.
Result<void> route_openssl_memory(base::SecretArena& arena);

// While one lives, all of OpenSSL's allocations on this thread come from the arena. Nests.
class ArenaScope {
 public:
  ArenaScope() noexcept;
  ~ArenaScope();
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;
};

struct OpensslMemory {
  std::uint64_t arena_overflows;  // allocations that wanted the arena and found it spent
};
OpensslMemory openssl_memory() noexcept;

}  // namespace claviger::crypto
