// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/result.h"

namespace claviger::base {

// The memory that secrets and keys live in: memfd_secret(2) where the kernel has it (not even the
// kernel's direct map holds it, and root cannot read it through /proc), else anonymous pages that are
// locked and excluded from core dumps. What this can and cannot promise: docs/adr/0005.
//
// One reservation of address space is made up front, so that contains() is two comparisons and a
// release can tell arena memory from the heap's. Pages are taken as needed, up to `limit`.
//
// Owns: its pages; they are wiped when a block is released and unmapped by the destructor.
// Threads: any; a mutex inside. Never on a request's path: workers take their scratch once and keep it.
class SecretArena {
 public:
  enum class Memory : std::uint8_t {
    kAuto,    // memfd where possible, else locked
    kMemfd,   // memfd_secret or fail
    kLocked,  // mlock'd, MADV_DONTDUMP
  };
  struct Options {
    Memory memory = Memory::kAuto;
    std::size_t limit = std::size_t{64} << 20;  // bytes; lowered to what RLIMIT_MEMLOCK allows
  };
  struct Usage {
    std::size_t in_use;  // bytes in live blocks, rounded up to their size class
    std::size_t mapped;  // bytes of pages taken so far
    std::size_t limit;
  };

  // kUnavailable when not one page can be locked; `what` names the limit to raise.
  static Result<std::unique_ptr<SecretArena>> create(Options options);
  ~SecretArena();
  SecretArena(const SecretArena&) = delete;
  SecretArena& operator=(const SecretArena&) = delete;

  // Zero-filled, 16-byte aligned; nullptr when the limit is spent or `size` is over 1 MiB.
  void* allocate(std::size_t size) noexcept;
  // Wipes and takes back. Requires: `block` came from allocate() of this arena and is live.
  void release(void* block) noexcept;

  bool contains(const void* address) const noexcept;
  // Usable size of a live block, at least what was asked for.
  std::size_t size_of(const void* block) const noexcept;

  Memory memory() const noexcept;  // kMemfd or kLocked: what is in use
  Usage usage() const noexcept;

 private:
  struct State;
  explicit SecretArena(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Reads CLAVIGER_SECRET_MEMORY: unset is kAuto, else `memfd` or `locked`; anything else is kInvalid.
Result<SecretArena::Memory> secret_memory_from_environment();

// Overwrites memory in a way that the compiler cannot leave out.
void wipe(void* data, std::size_t size) noexcept;

}  // namespace claviger::base
