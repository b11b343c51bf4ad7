// SPDX-License-Identifier: Apache-2.0
#include "net/frame_pool.h"

#include <new>

namespace claviger::net {
namespace {
thread_local FramePool* current_pool = nullptr;
}  // namespace

FramePool::~FramePool() {
  if (current_pool == this) current_pool = nullptr;
  for (Free* list : free_) {
    while (list != nullptr) {
      Free* next = list->next;
      ::operator delete(list);
      list = next;
    }
  }
}

FramePool& FramePool::current() noexcept {
  if (current_pool == nullptr) {
    thread_local FramePool own;
    return own;
  }
  return *current_pool;
}

FramePool* FramePool::make_current() noexcept {
  FramePool* before = current_pool;
  current_pool = this;
  return before;
}

void* FramePool::allocate(std::size_t size) {
  const std::size_t index = (size - 1) / kStep;
  if (index >= kClasses) return ::operator new(size);
  if (Free* head = free_[index]; head != nullptr) {
    free_[index] = head->next;
    return head;
  }
  bytes_ += (index + 1) * kStep;
  return ::operator new((index + 1) * kStep);
}

void FramePool::release(void* block, std::size_t size) noexcept {
  const std::size_t index = (size - 1) / kStep;
  if (index >= kClasses) {
    ::operator delete(block);
    return;
  }
  Free* free = static_cast<Free*>(block);
  free->next = free_[index];
  free_[index] = free;
}

}  // namespace claviger::net
