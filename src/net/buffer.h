// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace claviger::net {

inline constexpr std::size_t kBufferSize = std::size_t{32} << 10;
inline constexpr std::size_t kLentSize = 5632;  // of what is Lent

// Memory for bytes on their way through, and for what was read from them, kept for the next use. Connections borrow
// while there is something in flight and give back when idle.
//
// Secrets: an answer may echo a credential, so what was written into a buffer is wiped when it is given back.
// Threads: one worker's.
class BufferPool {
 public:
  BufferPool() = default;
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  // Bytes held, lent or waiting.
  std::size_t bytes() const noexcept { return total_ * kBufferSize + lent_total_ * kLentSize; }

 private:
  friend class Buffer;
  template <class T>
  friend class Lent;
  void* lend();
  void take_back(void* block) noexcept;
  char* take();
  void give_back(char* data) noexcept;
  static constexpr std::size_t kKeep = 256;  // more than that wait for nobody
  std::vector<char*> free_;
  std::size_t total_ = 0;
  std::vector<void*> lent_free_;
  std::size_t lent_total_ = 0;
};

// An object in borrowed memory: there from make() to release(). The pool outlives it.
template <class T>
class Lent {
 public:
  static_assert(sizeof(T) <= kLentSize && alignof(T) <= alignof(std::max_align_t));
  static_assert(std::is_trivially_destructible_v<T>);

  explicit Lent(BufferPool& pool) noexcept : pool_(pool) {}
  ~Lent() { release(); }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

  // As it is when there is one already, else a new one.
  T& make() {
    if (object_ == nullptr) object_ = ::new (pool_.lend()) T;
    return *object_;
  }
  // Requires: there is one.
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  bool is_there() const noexcept { return object_ != nullptr; }
  void release() noexcept {
    if (object_ != nullptr) pool_.take_back(std::exchange(object_, nullptr));
  }

 private:
  BufferPool& pool_;
  T* object_ = nullptr;
};

// A borrowed buffer of kBufferSize bytes with a filled part [begin, end). Empty (no memory) until
// something is asked of it. The pool outlives it.
class Buffer {
 public:
  explicit Buffer(BufferPool& pool) noexcept : pool_(&pool) {}
  Buffer(Buffer&& other) noexcept
      : pool_(other.pool_),
        data_(std::exchange(other.data_, nullptr)),
        begin_(std::exchange(other.begin_, 0)),
        end_(std::exchange(other.end_, 0)),
        touched_(std::exchange(other.touched_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      release();
      pool_ = other.pool_;
      data_ = std::exchange(other.data_, nullptr);
      begin_ = std::exchange(other.begin_, 0);
      end_ = std::exchange(other.end_, 0);
      touched_ = std::exchange(other.touched_, 0);
    }
    return *this;
  }
  ~Buffer() { release(); }

  std::string_view filled() const noexcept { return {data_ + begin_, end_ - begin_}; }
  bool is_empty() const noexcept { return begin_ == end_; }
  // Free room behind what is filled. Borrows memory when there is none yet.
  std::span<char> room();
  void added(std::size_t size) noexcept {
    end_ += size;
    if (end_ > touched_) touched_ = end_;
  }
  void consume(std::size_t size) noexcept { begin_ += size; }
  // Makes room again of the last `size` bytes of what is filled, which stay there until they are written over or wiped.
  void take_off(std::size_t size) noexcept { end_ -= size; }
  // Moves what is filled to the front, or starts over when there is nothing.
  void compact() noexcept;
  // Leaves room in front of what will be filled, for whoever has to put something there. Borrows memory. Requires: is_empty().
  void leave_front(std::size_t size);
  // The `size` bytes in front of a place within it; empty where there are not as many.
  std::span<char> before(const char* place, std::size_t size) noexcept {
    const auto at = static_cast<std::size_t>(place - data_);
    return at < size ? std::span<char>() : std::span<char>(data_ + at - size, size);
  }
  // Wipes and gives back. What was filled is gone.
  void release() noexcept;
  bool has_memory() const noexcept { return data_ != nullptr; }

  // For writers: copies when it fits, else does nothing and says false.
  bool append(std::string_view text);

 private:
  BufferPool* pool_;
  char* data_ = nullptr;
  std::size_t begin_ = 0, end_ = 0, touched_ = 0;
};

}  // namespace claviger::net
