// SPDX-License-Identifier: Apache-2.0
#include "crypto/openssl_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace claviger::crypto {

// OpenSSL's three hooks. External and never inlined, so that a profile shows them by name.
[[gnu::noinline]] void* openssl_allocate(std::size_t size, const char* file, int line) noexcept;
[[gnu::noinline]] void* openssl_reallocate(void* block, std::size_t size, const char* file,
                                           int line) noexcept;
[[gnu::noinline]] void openssl_free(void* block, const char* file, int line) noexcept;

namespace {

// What the source file of an allocation or release says about the block.
enum class Use : std::uintptr_t {
  kOther = 0,
  kKeys = 1,           // key schedules, MAC and KDF keys, DRBG state
  kRecordBuffer = 2,   // TLS record buffers, of 16 KiB and more
};

constexpr std::size_t kLeastRecordBuffer = std::size_t{16} << 10;  // smaller ones are wiped like all else

bool contains(const char* file, const char* part) noexcept { return std::strstr(file, part) != nullptr; }

// params.c copies octet parameters: the input of key derivation, raw private keys.
Use use_by_name(const char* file) noexcept {
  for (const char* const part : {"providers/implementations/ciphers/", "providers/implementations/macs/",
                                 "providers/implementations/kdfs/", "providers/implementations/rands/",
                                 "crypto/ec/ecx_key.c", "crypto/params.c"}) {
    if (contains(file, part)) return Use::kKeys;
  }
  return contains(file, "ssl/record/ssl3_buffer.c") ? Use::kRecordBuffer : Use::kOther;
}

// Remembers use_by_name() by the address of the name, which is a literal in the library. Each entry is one
// word (address and answer), so that threads need no lock; entries that collide replace each other.
class UseCache {
 public:
  Use find(const char* file) noexcept {
    if (file == nullptr) return Use::kOther;
    const auto address = reinterpret_cast<std::uintptr_t>(file);
    std::atomic<std::uintptr_t>& entry = entries_[(address ^ address >> 8) % kEntries];
    const std::uintptr_t known = entry.load(std::memory_order_relaxed);
    if (known >> 2 == address) return static_cast<Use>(known & 3);
    const Use use = use_by_name(file);
    entry.store(address << 2 | static_cast<std::uintptr_t>(use), std::memory_order_relaxed);
    return use;
  }

 private:
  static constexpr std::size_t kEntries = 1024;
  std::array<std::atomic<std::uintptr_t>, kEntries> entries_{};
};

// Process-wide, as OpenSSL's hooks are. `arena` is set once, before OpenSSL's first allocation.
constinit base::SecretArena* arena = nullptr;
constinit std::atomic<std::uint64_t> arena_overflows{0};
constinit UseCache uses;
constinit thread_local unsigned scope_depth = 0;

std::size_t usable_size(void* block) noexcept {
  return arena->contains(block) ? arena->size_of(block) : ::malloc_usable_size(block);
}

}  // namespace

void* openssl_allocate(std::size_t size, const char* file, int /*line*/) noexcept {
  if (size == 0) return nullptr;
  const bool scoped = scope_depth != 0;
  if (!scoped && uses.find(file) != Use::kKeys) return std::malloc(size);
  if (void* const block = arena->allocate(size)) return block;
  arena_overflows.fetch_add(1, std::memory_order_relaxed);
  // Whoever opened a scope would rather fail than have a key on the heap. TLS would rather go on.
  return scoped ? nullptr : std::malloc(size);
}

void* openssl_reallocate(void* block, std::size_t size, const char* file, int line) noexcept {
  if (block == nullptr) return openssl_allocate(size, file, line);
  if (size == 0) {
    openssl_free(block, file, line);
    return nullptr;
  }
  const std::size_t usable = usable_size(block);
  if (size <= usable) {
    base::wipe(static_cast<std::byte*>(block) + size, usable - size);
    return block;
  }
  // What lies in the arena stays in the arena, whoever asks.
  void* const larger = arena->contains(block) ? arena->allocate(size) : openssl_allocate(size, file, line);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, usable);
  openssl_free(block, nullptr, 0);
  return larger;
}

void openssl_free(void* block, const char* file, int /*line*/) noexcept {
  if (block == nullptr) return;
  if (arena->contains(block)) {
    arena->release(block);
    return;
  }
  // Connections that carry secrets set SSL_OP_CLEANSE_PLAINTEXT, which wipes records where there is
  // plaintext; wiping 16 KiB again for each would cost more than the request.
  const std::size_t size = ::malloc_usable_size(block);
  if (size < kLeastRecordBuffer || uses.find(file) != Use::kRecordBuffer) base::wipe(block, size);
  std::free(block);
}

Result<void> route_openssl_memory(base::SecretArena& secrets) {
  base::SecretArena* const before = arena;
  arena = &secrets;  // first, since the hooks rely on it from the moment they are in place
  if (before == nullptr &&
      ::CRYPTO_set_mem_functions(openssl_allocate, openssl_reallocate, openssl_free) == 1) {
    return ok();
  }
  arena = before;
  return Error(Code::kInternal, Blame::kGateway,
               "OpenSSL has allocated already; its memory cannot be routed any more");
}

ArenaScope::ArenaScope() noexcept { ++scope_depth; }
ArenaScope::~ArenaScope() { --scope_depth; }

OpensslMemory openssl_memory() noexcept {
  return {.arena_overflows = arena_overflows.load(std::memory_order_relaxed)};
}

}  // namespace claviger::crypto
