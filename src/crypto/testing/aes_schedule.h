// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace claviger::crypto::testing {

// AES key schedules (FIPS 197 section 5.2), for tests that look for them in memory.

constexpr std::size_t kAes128ScheduleSize = 176;
constexpr std::size_t kAes256ScheduleSize = 240;

// The whole schedule that begins with `key`. Requires: 16 or 32 bytes, and 176 or 240 to write.
void expand_aes_key(std::span<const std::byte> key, std::span<std::byte> schedule);

// Key size in bits (256 or 128) when `memory` begins with an expanded encryption key of any value, else 0.
// Knows both layouts that OpenSSL has: bytes in order (AES-NI), and words in the machine's order.
unsigned aes_schedule_at(std::span<const std::byte> memory) noexcept;

// The first offset from `from` on, in steps of 4, at which aes_schedule_at() might answer; memory.size()
// where there is none. Quick: it tries the words that are a plain sum of two others.
std::size_t next_aes_candidate(std::span<const std::byte> memory, std::size_t from) noexcept;

}  // namespace claviger::crypto::testing
