// SPDX-License-Identifier: Apache-2.0
#include "base/secret_bytes.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace claviger::base {

Result<SecretBytes> SecretBytes::allocate(SecretArena& arena, std::size_t size) {
  if (size == 0) return SecretBytes();
  void* const block = arena.allocate(size);
  if (block == nullptr) {
    return Error(Code::kUnavailable, Blame::kOperator,
                 "secret memory is spent (raise RLIMIT_MEMLOCK), or over 1 MiB was asked for at once");
  }
  return SecretBytes(&arena, static_cast<std::byte*>(block), size);
}

Result<SecretBytes> SecretBytes::copy_of(SecretArena& arena, std::span<const std::byte> source) {
  SecretBytes copy = CLV_TRY(allocate(arena, source.size()));
  std::ranges::copy(source, copy.data_);
  return copy;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : arena_(std::exchange(other.arena_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  SecretBytes taken(std::move(other));
  std::swap(arena_, taken.arena_);
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  return *this;
}

SecretBytes::~SecretBytes() {
  if (data_ != nullptr) arena_->release(data_);
}

std::string_view SecretBytes::reveal_text() const noexcept {
  return {reinterpret_cast<const char*>(data_), size_};
}

void SecretBytes::shrink(std::size_t size) noexcept {
  CLV_CHECK(size <= size_);
  if (size == size_) return;
  wipe(data_ + size, size_ - size);
  size_ = size;
}

}  // namespace claviger::base
