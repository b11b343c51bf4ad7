// SPDX-License-Identifier: Apache-2.0
#include "gateway/request_ids.h"

#include <array>
#include <cstring>

#include "crypto/random.h"

namespace claviger::gateway {
namespace {

// The finalizer of SplitMix64: a bijection on 64 bits.
std::uint64_t spread(std::uint64_t x) noexcept {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

void write_hex(std::uint64_t value, char* out) noexcept {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (int i = 15; i >= 0; --i, value >>= 4) out[i] = kDigits[value & 15];
}

}  // namespace

RequestIds::RequestIds() noexcept {
  std::array<std::byte, 16> seed;
  crypto::random_bytes(seed);
  std::memcpy(&high_, seed.data(), 8);
  std::memcpy(&low_, seed.data() + 8, 8);
}

RequestId RequestIds::next() noexcept {
  if (++low_ == 0) ++low_;  // zeros are no span id (trace_context.h)
  RequestId id;
  write_hex(high_, id.data());
  write_hex(spread(low_), id.data() + 16);
  return id;
}

}  // namespace claviger::gateway
