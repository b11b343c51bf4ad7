// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace claviger::policy {

// Finds positions in a table of somebody else's by hash: open addressing, at most half full, four bytes a
// slot. Nothing but numbers, so that a key among a million costs 8 to 16 bytes of index.
//
// Threads: any, once filled. The hash must be well mixed in its low bits.
class HashIndex {
 public:
  HashIndex() : slots_(1, kNone) {}
  explicit HashIndex(std::size_t entries) : slots_(std::bit_ceil(2 * entries + 1), kNone) {}

  // Requires: no more inserts than `entries`.
  void insert(std::uint64_t hash, std::uint32_t position) noexcept {
    std::size_t slot = hash & mask();
    while (slots_[slot] != kNone) slot = (slot + 1) & mask();
    slots_[slot] = position;
  }

  static constexpr std::uint32_t kNone = UINT32_MAX;

  // The position for which `is_it(position)` holds, or kNone.
  template <class IsIt>
  std::uint32_t find(std::uint64_t hash, IsIt is_it) const noexcept {
    for (std::size_t slot = hash & mask(); slots_[slot] != kNone; slot = (slot + 1) & mask()) {
      if (is_it(slots_[slot])) return slots_[slot];
    }
    return kNone;
  }

 private:
  std::size_t mask() const noexcept { return slots_.size() - 1; }
  std::vector<std::uint32_t> slots_;
};

// All bits of `word` into all bits of the result (the finalizer of MurmurHash3).
constexpr std::uint64_t mix(std::uint64_t word) noexcept {
  word = (word ^ word >> 33) * 0xff51afd7ed558ccd;
  word = (word ^ word >> 33) * 0xc4ceb9fe1a85ec53;
  return word ^ word >> 33;
}

}  // namespace claviger::policy
