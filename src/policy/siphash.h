// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace claviger::policy {

// SipHash-2-4 (Aumasson and Bernstein, 2012): a short keyed hash, for tables whose keys strangers choose.
// Threads: any.
class SipHash {
 public:
  SipHash(std::uint64_t k0, std::uint64_t k1) noexcept;

  // Eight bytes of input, little-endian.
  SipHash& add_word(std::uint64_t word) noexcept;
  // The rest of the input, of any size, and the hash of it all. The last call.
  std::uint64_t finish(std::string_view rest) noexcept;

 private:
  void round() noexcept;

  std::uint64_t v0_, v1_, v2_, v3_;
  std::uint64_t size_ = 0;
};

}  // namespace claviger::policy
