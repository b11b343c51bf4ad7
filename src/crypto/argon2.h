// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace claviger::crypto {

// What a guess costs. The default is the second of RFC 9106 section 4, for machines that do not have gigabytes to spare.
struct Argon2Cost {
  std::uint32_t memory_kib = 64 * 1024;
  std::uint32_t passes = 3;
  std::uint32_t lanes = 4;
  friend bool operator==(const Argon2Cost&, const Argon2Cost&) = default;
};

// Argon2id version 0x13 (RFC 9106), on the calling thread: takes some tenths of a second.
// kUnavailable when there is not enough memory.
// Requires: salt.size() >= 8, out.size() >= 4, memory_kib >= 8 * lanes, none of the costs 0.
// Secrets: works in pages of its own, which are in no core dump, are locked where the limit on locked memory has room for them
// beside the arena, and are wiped; `out` should lie in the arena.
Result<void> argon2id(std::string_view password, std::span<const std::byte> salt, const Argon2Cost& cost,
                      std::span<std::byte> out);

}  // namespace claviger::crypto
