// SPDX-License-Identifier: Apache-2.0
#include "policy/siphash.h"

#include <bit>

namespace claviger::policy {
namespace {

std::uint64_t load(std::string_view bytes) noexcept {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return word;
}

}  // namespace

SipHash::SipHash(std::uint64_t k0, std::uint64_t k1) noexcept
    : v0_(k0 ^ 0x736f6d6570736575),
      v1_(k1 ^ 0x646f72616e646f6d),
      v2_(k0 ^ 0x6c7967656e657261),
      v3_(k1 ^ 0x7465646279746573) {}

void SipHash::round() noexcept {
  v0_ += v1_;
  v1_ = std::rotl(v1_, 13) ^ v0_;
  v0_ = std::rotl(v0_, 32);
  v2_ += v3_;
  v3_ = std::rotl(v3_, 16) ^ v2_;
  v0_ += v3_;
  v3_ = std::rotl(v3_, 21) ^ v0_;
  v2_ += v1_;
  v1_ = std::rotl(v1_, 17) ^ v2_;
  v2_ = std::rotl(v2_, 32);
}

SipHash& SipHash::add_word(std::uint64_t word) noexcept {
  v3_ ^= word;
  round();
  round();
  v0_ ^= word;
  size_ += 8;
  return *this;
}

std::uint64_t SipHash::finish(std::string_view rest) noexcept {
  for (; rest.size() >= 8; rest.remove_prefix(8)) add_word(load(rest.substr(0, 8)));
  add_word((size_ + rest.size()) << 56 | load(rest));
  v2_ ^= 0xff;
  for (int i = 0; i < 4; ++i) round();
  return v0_ ^ v1_ ^ v2_ ^ v3_;
}

}  // namespace claviger::policy
