// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

namespace claviger::net {

// Memory for coroutine frames: freed ones wait in a list for their size, so that a request in steady state
// allocates nothing. A Task takes its frame from the pool that is current on its thread; each loop makes
// its own current while it runs. Frames must be freed on the thread that made them (Tasks never
// leave their loop).
//
// Threads: one.
class FramePool {
 public:
  FramePool() noexcept = default;
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  // The calling thread's pool; before any loop runs there, a pool of the thread's own.
  static FramePool& current() noexcept;
  // Makes this pool the calling thread's; returns the one before.
  FramePool* make_current() noexcept;

  void* allocate(std::size_t size);
  void release(void* block, std::size_t size) noexcept;
  // Bytes held, in use or waiting.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kStep = 64;
  static constexpr std::size_t kClasses = 64;  // frames up to 4 KiB; larger ones are the heap's
  struct Free {
    Free* next;
  };
  std::array<Free*, kClasses> free_{};
  std::size_t bytes_ = 0;
};

}  // namespace claviger::net
