// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/secret_arena.h"

namespace claviger::base {

// Bytes that must not outlive their use: keys, tokens, passwords.
//
// Owns: one block of a SecretArena, wiped by the destructor and by moving out. The arena outlives it.
// Threads: none of its own; hand one over only by moving it.
// Secrets: reveal() is the only way in. Grep for it to audit every reader. It cannot be formatted,
// compared or copied.
class SecretBytes {
 public:
  SecretBytes() noexcept = default;
  // Zero-filled, `size` bytes. kUnavailable when the arena's limit is spent.
  static Result<SecretBytes> allocate(SecretArena& arena, std::size_t size);
  // A copy of `source`, which the caller should wipe.
  static Result<SecretBytes> copy_of(SecretArena& arena, std::span<const std::byte> source);

  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes();

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::span<std::byte> reveal() noexcept { return {data_, size_}; }
  std::span<const std::byte> reveal() const noexcept { return {data_, size_}; }
  std::string_view reveal_text() const noexcept;

  // Wipes the tail. Requires: size <= this->size().
  void shrink(std::size_t size) noexcept;

 private:
  SecretBytes(SecretArena* arena, std::byte* data, std::size_t size) noexcept
      : arena_(arena), data_(data), size_(size) {}

  SecretArena* arena_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace claviger::base
