// SPDX-License-Identifier: Apache-2.0
#include "crypto/random.h"

#include <openssl/rand.h>

#include <algorithm>
#include <climits>

#include "base/check.h"

namespace claviger::crypto {
namespace {

// OpenSSL counts in int.
template <class Generate>
void fill(std::span<std::byte> out, Generate generate) noexcept {
  while (!out.empty()) {
    const std::size_t size = std::min<std::size_t>(out.size(), INT_MAX);
    CLV_CHECK(generate(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(size)) == 1);
    out = out.subspan(size);
  }
}

}  // namespace

void random_bytes(std::span<std::byte> out) noexcept { fill(out, ::RAND_bytes); }

void random_secret(std::span<std::byte> out) noexcept { fill(out, ::RAND_priv_bytes); }

}  // namespace claviger::crypto
