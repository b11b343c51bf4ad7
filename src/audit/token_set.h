// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace claviger::audit {

// Different 64-bit hashes, of which most come many times: a table with open addressing, since that is asked for each word of
// each line of the log that is indexed.
class TokenSet {
 public:
  TokenSet() : slots_(kLeast) {}

  void insert(std::uint64_t token) {
    if (token == 0) token = 1;  // 0 is an empty slot
    std::uint64_t& slot = place_of(slots_, token);
    if (slot == token) return;
    slot = token;
    if (++size_ * 2 > slots_.size()) grow();
  }
  std::size_t size() const noexcept { return size_; }
  void clear() {
    slots_.assign(slots_.size(), 0);
    size_ = 0;
  }
  template <class Each>
  void for_each(Each&& each) const {
    for (const std::uint64_t token : slots_)
      if (token != 0) each(token);
  }

 private:
  static constexpr std::size_t kLeast = 4096;

  static std::uint64_t& place_of(std::vector<std::uint64_t>& slots, std::uint64_t token) noexcept {
    std::size_t at = token & (slots.size() - 1);
    while (slots[at] != 0 && slots[at] != token) at = (at + 1) & (slots.size() - 1);
    return slots[at];
  }
  void grow() {
    std::vector<std::uint64_t> larger(slots_.size() * 2);
    for_each([&](std::uint64_t token) { place_of(larger, token) = token; });
    slots_ = std::move(larger);
  }

  std::vector<std::uint64_t> slots_;
  std::size_t size_ = 0;
};

}  // namespace claviger::audit
