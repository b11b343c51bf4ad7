// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/hash.h"
#include "net/buffer.h"

namespace claviger::gateway {

inline constexpr std::size_t kMostRepeated = std::size_t{64}
                                             << 10;  // of a body that is kept to be sent again
inline constexpr std::size_t kMostDigested = std::size_t{1} << 20;  // of one whose digest goes into the head
inline constexpr std::size_t kMostHeldByWorker = std::size_t{16} << 20;  // of all bodies of a worker together

// A request's body as it came, without its framing: kept so that it can be sent once more, or because the head cannot be written
// before all of it is known.
//
// Owns: borrowed buffers, none before something is added. Threads: one worker's. Secrets: buffers are wiped when they go.
class BodyCopy {
 public:
  // `held` is what all copies of the worker hold together, in bytes. Both outlive it.
  BodyCopy(net::BufferPool& pool, std::size_t& held) noexcept : pool_(pool), held_(held) {}
  ~BodyCopy() { drop(); }
  BodyCopy(const BodyCopy&) = delete;
  BodyCopy& operator=(const BodyCopy&) = delete;

  // From now on what is added is kept, up to `most` bytes.
  void begin(std::size_t most) noexcept;
  enum class Added : std::uint8_t {
    kKept,
    kTooLarge,  // this body is over `most`
    kNoRoom,  // others' bodies are what the worker holds
  };
  // What cannot be kept whole is not kept at all: all of it is dropped then, and what follows. kKept before begin(), of nothing.
  Added add(std::string_view piece);
  // That was all of it.
  void end() noexcept { is_whole_ = is_kept_; }
  // It is not sent any more: others have its room.
  void let_go() noexcept {
    drop();
    is_whole_ = false;
  }

  bool is_whole() const noexcept { return is_whole_; }
  std::size_t size() const noexcept { return size_; }
  // Of the whole, in order.
  std::span<const net::Buffer> pieces() const noexcept { return pieces_; }
  crypto::Sha256Digest digest() const noexcept;

 private:
  bool make_piece();
  void drop() noexcept;

  net::BufferPool& pool_;
  std::size_t& held_;
  std::vector<net::Buffer> pieces_;
  std::size_t most_ = 0;
  std::size_t size_ = 0;
  bool is_kept_ = false;
  bool is_whole_ = false;
};

}  // namespace claviger::gateway
