// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "base/secret_arena.h"

namespace claviger::gateway {

class SecretScratchPool;

// Arena memory in which a request's head is put together, credential and all. It goes back, wiped, once
// the head is sent: within the same turn of the loop unless the socket is full.
class SecretScratch {
 public:
  SecretScratch() noexcept = default;
  SecretScratch(SecretScratch&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        used_(other.used_) {}
  SecretScratch& operator=(SecretScratch&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(used_, other.used_);
    return *this;
  }
  ~SecretScratch();

  explicit operator bool() const noexcept { return data_ != nullptr; }
  std::span<char> room() const noexcept;
  // How much of it holds something to wipe. Set it before anything secret is written.
  void will_use(std::size_t size) noexcept { used_ = size; }

 private:
  friend class SecretScratchPool;
  SecretScratch(SecretScratchPool& pool, char* data) noexcept : pool_(&pool), data_(data) {}
  SecretScratchPool* pool_ = nullptr;
  char* data_ = nullptr;
  std::size_t used_ = 0;
};

// Threads: one worker's. The arena outlives it.
class SecretScratchPool {
 public:
  static constexpr std::size_t kSize = std::size_t{64} << 10;  // head limit, secret, and the front of a body

  explicit SecretScratchPool(base::SecretArena& arena) : arena_(&arena) {}
  SecretScratchPool(SecretScratchPool&&) noexcept = default;
  ~SecretScratchPool();

  base::SecretArena& arena() const noexcept { return *arena_; }
  // False (in a bool context) when the arena is spent.
  SecretScratch take() noexcept;

 private:
  friend class SecretScratch;
  void give_back(char* data, std::size_t used) noexcept;
  base::SecretArena* arena_;
  std::vector<char*> free_;
};

}  // namespace claviger::gateway
