// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "crypto/hash.h"

namespace claviger::crypto {

// The hash of a leaf, SHA-256(0x00 || data), and of an inner node, SHA-256(0x01 || left || right): RFC 6962
// section 2.1. The prefixes keep a node from being passed off as a leaf. No allocation. Threads: any.
Sha256Digest merkle_leaf(std::string_view data) noexcept;
Sha256Digest merkle_node(const Sha256Digest& left, const Sha256Digest& right) noexcept;
// A Merkle tree that only grows, of which no more is kept than its frontier: the roots of the perfect
// subtrees that it consists of, one for each bit set in its size. Appending costs one node on average.
// Threads: one at a time.
class MerkleTree {
 public:
  MerkleTree() = default;
  // A tree of `size` leaves from its frontier, largest subtree first. kInvalid when the numbers do not fit.
  static Result<MerkleTree> from_frontier(std::uint64_t size, std::span<const Sha256Digest> frontier);

  void append(const Sha256Digest& leaf) noexcept;
  std::uint64_t size() const noexcept { return size_; }
  // The tree's hash; SHA-256 of nothing for an empty one.
  Sha256Digest root() const noexcept;
  // Writes the frontier, largest subtree first, and returns how many hashes it has.
  std::size_t frontier(std::span<Sha256Digest, 64> out) const noexcept;

 private:
  std::array<Sha256Digest, 64> subtrees_{};  // [level] is valid where size_ has that bit
  std::uint64_t size_ = 0;
};

}  // namespace claviger::crypto
