// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace claviger::net {

inline constexpr std::size_t kBufferSize = std::size_t{32} << 10;

// Memory for bytes on their way through, kept for the next use. Connections borrow a buffer while there
// is something in flight and give it back when idle.
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
  std::size_t bytes() const noexcept { return total_ * kBufferSize; }

 private:
  friend class Buffer;
  char* take();
  void give_back(char* data) noexcept;
  static constexpr std::size_t kKeep = 256;  // more than that wait for nobody
  std::vector<char*> free_;
  std::size_t total_ = 0;
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
  // Moves what is filled to the front, or starts over when there is nothing.
  void compact() noexcept;
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
