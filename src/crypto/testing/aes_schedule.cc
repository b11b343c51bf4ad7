// SPDX-License-Identifier: Apache-2.0
#include "crypto/testing/aes_schedule.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/check.h"

namespace claviger::crypto::testing {
namespace {

// Multiplication in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
constexpr unsigned multiply(unsigned a, unsigned b) {
  unsigned product = 0;
  for (; b != 0; b >>= 1) {
    if ((b & 1) != 0) product ^= a;
    a = a << 1 ^ ((a & 0x80) != 0 ? 0x11b : 0);
  }
  return product;
}

consteval std::array<std::uint8_t, 256> make_sbox() {
  std::array<std::uint8_t, 256> sbox{};
  std::array<unsigned, 256> power{};  // of 3, a generator
  power[0] = 1;
  for (std::size_t i = 1; i < 256; ++i) power[i] = multiply(power[i - 1], 3);
  sbox[0] = 0x63;
  for (std::size_t i = 0; i < 255; ++i) {
    const auto inverse = static_cast<std::uint8_t>(power[(255 - i) % 255]);
    unsigned mixed = 0x63;
    for (int turn = 0; turn <= 4; ++turn) mixed ^= std::rotl(inverse, turn);
    sbox[power[i]] = static_cast<std::uint8_t>(mixed);
  }
  return sbox;
}
constexpr auto kSbox = make_sbox();
static_assert(kSbox[0x00] == 0x63 && kSbox[0x53] == 0xed && kSbox[0xff] == 0x16);

std::uint32_t substitute(std::uint32_t word) noexcept {
  return static_cast<std::uint32_t>(kSbox[word >> 24]) << 24 |
         static_cast<std::uint32_t>(kSbox[word >> 16 & 255]) << 16 |
         static_cast<std::uint32_t>(kSbox[word >> 8 & 255]) << 8 | kSbox[word & 255];
}

std::uint32_t word_at(const std::byte* memory, std::size_t index, bool swapped) noexcept {
  std::uint32_t word = 0;
  std::memcpy(&word, memory + 4 * index, sizeof(word));
  return swapped ? word : std::byteswap(word);
}

// What word `index` adds to the one a key's length before it. `round_constant` moves along with index.
std::uint32_t step(std::size_t index, std::size_t key_words, std::uint32_t previous,
                   unsigned& round_constant) noexcept {
  if (index % key_words == 0) {
    const std::uint32_t added = substitute(std::rotl(previous, 8)) ^ round_constant << 24;
    round_constant = multiply(round_constant, 2);
    return added;
  }
  return key_words == 8 && index % 8 == 4 ? substitute(previous) : previous;
}

bool is_schedule(const std::byte* memory, std::size_t key_words, std::size_t words, bool swapped) noexcept {
  unsigned round_constant = 1;
  for (std::size_t i = key_words; i < words; ++i) {
    const std::uint32_t added = step(i, key_words, word_at(memory, i - 1, swapped), round_constant);
    if (word_at(memory, i, swapped) != (word_at(memory, i - key_words, swapped) ^ added)) return false;
  }
  return true;
}

}  // namespace

void expand_aes_key(std::span<const std::byte> key, std::span<std::byte> schedule) {
  const std::size_t key_words = key.size() / 4;
  CLV_CHECK((key_words == 8 && schedule.size() == kAes256ScheduleSize) ||
            (key_words == 4 && schedule.size() == kAes128ScheduleSize));
  std::memcpy(schedule.data(), key.data(), key.size());
  unsigned round_constant = 1;
  for (std::size_t i = key_words; i < schedule.size() / 4; ++i) {
    const std::uint32_t added = step(i, key_words, word_at(schedule.data(), i - 1, false), round_constant);
    const std::uint32_t word = std::byteswap(word_at(schedule.data(), i - key_words, false) ^ added);
    std::memcpy(schedule.data() + 4 * i, &word, sizeof(word));
  }
}

// Runs over all of memory, so without AddressSanitizer's checks.
__attribute__((no_sanitize("address", "undefined", "thread"))) std::size_t next_aes_candidate(
    std::span<const std::byte> memory, std::size_t from) noexcept {
  const std::byte* const data = memory.data();
  const auto word = [data](std::size_t at, std::size_t index)
                        __attribute__((no_sanitize("address", "undefined", "thread"))) {
                          std::uint32_t value;
                          __builtin_memcpy(&value, data + at + 4 * index, sizeof(value));
                          return value;
                        };
  for (std::size_t at = from; at + kAes128ScheduleSize <= memory.size(); at += 4) {
    const std::uint32_t w5 = word(at, 5);
    const std::uint32_t w9 = word(at, 9);
    if (w5 != 0 && w5 == (word(at, 1) ^ word(at, 4)) && word(at, 6) == (word(at, 2) ^ w5)) return at;
    if (w9 != 0 && w9 == (word(at, 1) ^ word(at, 8)) && word(at, 10) == (word(at, 2) ^ w9)) return at;
  }
  return memory.size();
}

unsigned aes_schedule_at(std::span<const std::byte> memory) noexcept {
  for (const bool swapped : {false, true}) {
    if (memory.size() >= kAes256ScheduleSize && is_schedule(memory.data(), 8, 60, swapped)) return 256;
    if (memory.size() >= kAes128ScheduleSize && is_schedule(memory.data(), 4, 44, swapped)) return 128;
  }
  return 0;
}

}  // namespace claviger::crypto::testing
