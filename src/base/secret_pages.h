// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "base/secret_arena.h"

namespace claviger::base {

// The pages under SecretArena: one reservation of address space, of which the front is backed by secret
// memory, growing chunk by chunk. A guard stands before and behind it.
//
// Pages can be told apart in /proc/PID/maps as `/secretmem` (memfd) or, where the kernel names anonymous
// memory, `[anon:claviger-secrets]`; everywhere by the VmFlags `lo dc dd` together in /proc/PID/smaps.
//
// Owns: the reservation and the memfd; wipes and unmaps. A forked child does not inherit them.
// Threads: one at a time for map(); contains() and offset_of() from any.
class SecretPages {
 public:
  static constexpr std::size_t kChunk = std::size_t{64} << 10;

  // With one chunk mapped already. Errors as SecretArena::create.
  static Result<SecretPages> reserve(const SecretArena::Options& options);

  SecretPages(SecretPages&& other) noexcept;
  SecretPages& operator=(SecretPages&&) = delete;
  ~SecretPages();

  // Backs the first `size` bytes, if they are not yet. False when the system refuses.
  // Requires: a multiple of kChunk, at most limit().
  bool map(std::size_t size) noexcept;

  std::byte* begin() const noexcept { return begin_; }
  bool contains(const void* address) const noexcept;
  std::size_t offset_of(const void* address) const noexcept;
  std::size_t mapped() const noexcept { return mapped_; }
  std::size_t limit() const noexcept { return limit_; }
  SecretArena::Memory memory() const noexcept {
    return fd_ >= 0 ? SecretArena::Memory::kMemfd : SecretArena::Memory::kLocked;
  }

 private:
  SecretPages() = default;
  Result<void> reserve_addresses(std::size_t size);
  Result<void> open_memfd();
  void lower_limit_to_what_may_be_locked() noexcept;
  bool map_memfd(std::byte* window, std::size_t size) noexcept;
  bool map_locked(std::byte* window, std::size_t size) noexcept;

  std::byte* begin_ = nullptr;
  std::size_t reserved_ = 0;  // without the guards
  std::size_t mapped_ = 0;
  std::size_t limit_ = 0;
  int fd_ = -1;
};

}  // namespace claviger::base
