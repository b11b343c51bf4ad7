// SPDX-License-Identifier: Apache-2.0
#include "gateway/body_copy.h"

#include <algorithm>
#include <array>

namespace claviger::gateway {

void BodyCopy::begin(std::size_t most) noexcept {
  drop();
  most_ = most;
  is_kept_ = true;
  is_whole_ = false;
}

// A buffer counts as a whole, however little is in it. What is kept only to be sent again leaves the last quarter to what cannot be sent at
// all without.
bool BodyCopy::make_piece() {
  const std::size_t room = most_ <= kMostRepeated ? kMostHeldByWorker / 4 * 3 : kMostHeldByWorker;
  if (held_ + net::kBufferSize > room) return false;
  held_ += net::kBufferSize;
  pieces_.emplace_back(pool_);
  return true;
}

BodyCopy::Added BodyCopy::add(std::string_view piece) {
  if (!is_kept_) return Added::kKept;
  if (piece.size() > most_ - size_) {
    drop();
    return Added::kTooLarge;
  }
  while (!piece.empty()) {
    if ((pieces_.empty() || pieces_.back().room().empty()) && !make_piece()) {
      drop();
      return Added::kNoRoom;
    }
    const std::string_view now = piece.substr(0, std::min(piece.size(), pieces_.back().room().size()));
    pieces_.back().append(now);
    size_ += now.size();
    piece.remove_prefix(now.size());
  }
  return Added::kKept;
}

void BodyCopy::drop() noexcept {
  held_ -= pieces_.size() * net::kBufferSize;
  pieces_.clear();
  size_ = 0;
  is_kept_ = false;
}

crypto::Sha256Digest BodyCopy::digest() const noexcept {
  std::array<std::string_view, kMostDigested / net::kBufferSize + 1> views;
  std::size_t count = 0;
  for (const net::Buffer& piece : pieces_) views[count++] = piece.filled();
  return crypto::Sha256().digest_pieces({views.data(), count});
}

}  // namespace claviger::gateway
