// SPDX-License-Identifier: Apache-2.0
#include "net/buffer.h"

#include <cstring>
#include <new>

#include "base/secret_arena.h"

namespace claviger::net {

BufferPool::~BufferPool() {
  for (char* data : free_) ::operator delete(data);
  for (void* block : lent_free_) ::operator delete(block);
}

char* BufferPool::take() {
  if (!free_.empty()) {
    char* data = free_.back();
    free_.pop_back();
    return data;
  }
  ++total_;
  free_.reserve(kKeep);  // so that giving back never allocates
  return static_cast<char*>(::operator new(kBufferSize));
}

void BufferPool::give_back(char* data) noexcept {
  if (free_.size() < kKeep) {
    free_.push_back(data);
    return;
  }
  --total_;
  ::operator delete(data);
}

void* BufferPool::lend() {
  if (!lent_free_.empty()) {
    void* block = lent_free_.back();
    lent_free_.pop_back();
    return block;
  }
  ++lent_total_;
  lent_free_.reserve(kKeep);
  return ::operator new(kLentSize);
}

void BufferPool::take_back(void* block) noexcept {
  if (lent_free_.size() < kKeep) {
    lent_free_.push_back(block);
    return;
  }
  --lent_total_;
  ::operator delete(block);
}

std::span<char> Buffer::room() {
  if (data_ == nullptr) data_ = pool_->take();
  return {data_ + end_, kBufferSize - end_};
}

void Buffer::compact() noexcept {
  if (begin_ == 0) return;
  if (begin_ != end_) std::memmove(data_, data_ + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
}

void Buffer::leave_front(std::size_t size) {
  if (data_ == nullptr) data_ = pool_->take();
  begin_ = end_ = size;
}

void Buffer::release() noexcept {
  if (data_ == nullptr) return;
  base::wipe(data_, touched_);
  pool_->give_back(std::exchange(data_, nullptr));
  begin_ = end_ = touched_ = 0;
}

bool Buffer::append(std::string_view text) {
  if (text.size() > kBufferSize - end_) return false;
  std::memcpy(room().data(), text.data(), text.size());
  added(text.size());
  return true;
}

}  // namespace claviger::net
