// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/clock.h"
#include "telemetry/json_escape.h"

namespace claviger::telemetry {

// At most what a text becomes in a line, escaped; it is cut there.
inline constexpr std::size_t kJsonTextMax = 512;
inline constexpr std::string_view kJsonCutMark = "[cut]";

// Writes times as "2026-01-01T00:00:00.000Z", reckoning the calendar anew only when the second changes.
class TimestampWriter {
 public:
  static constexpr std::size_t kSize = 24;
  // Requires: room for kSize at `out`.
  void write(char* out, WallTime time) noexcept;

 private:
  static constexpr std::size_t kSecondsSize = 20;  // up to and with the '.'
  std::chrono::sys_seconds second_ = std::chrono::sys_seconds::min();
  std::array<char, kSecondsSize> text_{};
};

// Whether any of eight bytes is not plain JSON text. May say yes for a byte above one that is not.
constexpr bool has_json_special(std::uint64_t eight) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  const auto zero_in = [](std::uint64_t x) { return (x - kOnes) & ~x; };
  const std::uint64_t found = eight | (eight - kOnes * 0x20) | zero_in(eight ^ (kOnes * '"')) |
                              zero_in(eight ^ (kOnes * '\\')) | zero_in(eight ^ (kOnes * 0x7f));
  return (found & kHighs) != 0;
}

// The same of sixteen, by vectors where the machine has them.
using Sixteen = unsigned char __attribute__((vector_size(16)));
inline bool has_json_special(Sixteen sixteen) noexcept {
  const auto found = (sixteen < 0x20) | (sixteen > 0x7e) | (sixteen == '"') | (sixteen == '\\');
  const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(found);
  return (halves[0] | halves[1]) != 0;
}

// Writes the members of a JSON object into memory that is large enough: the caller reckons with kJsonTextMax for each
// text where it names nothing else, and names the room of a path. No allocation.
class JsonLine {
 public:
  explicit JsonLine(char* out) noexcept : begin_(out), at_(out) {}

  template <std::size_t N>
  void literal(const char (&text)[N]) noexcept {
    std::memcpy(at_, text, N - 1);
    at_ += N - 1;
  }

  void time(WallTime time, TimestampWriter& timestamps) noexcept {
    timestamps.write(at_, time);
    at_ += TimestampWriter::kSize;
  }

  // `key` with all that stands before the value: ",\"principal\":\"".
  template <std::size_t N>
  void text(const char (&key)[N], std::string_view value, std::size_t most = kJsonTextMax) noexcept {
    if (value.empty()) return;
    literal(key);
    escaped(value, most);
    *at_++ = '"';
  }

  template <std::size_t N>
  void path(const char (&key)[N], std::string_view value, std::size_t room) noexcept {
    if (value.empty()) return;
    literal(key);
    if (!escaped(value, room)) at_ = std::ranges::copy(kJsonCutMark, at_).out;
    *at_++ = '"';
  }

  template <std::size_t N>
  void number(const char (&key)[N], std::uint64_t value) noexcept {
    literal(key);
    if (value < 10) *at_++ = static_cast<char>('0' + value);  // as most counts are
    else at_ = std::to_chars(at_, at_ + 20, value).ptr;
  }

  std::size_t size() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

 private:
  // False when `room` did not suffice for all of it.
  bool escaped(std::string_view value, std::size_t room) noexcept {
    const std::size_t straight = std::min(value.size(), room);
    std::size_t plain = 0;
    for (Sixteen sixteen; plain + sizeof sixteen <= straight; plain += sizeof sixteen) {
      std::memcpy(&sixteen, value.data() + plain, sizeof sixteen);
      if (has_json_special(sixteen)) break;
      std::memcpy(at_ + plain, &sixteen, sizeof sixteen);
    }
    for (std::uint64_t eight; plain + sizeof eight <= straight; plain += sizeof eight) {
      std::memcpy(&eight, value.data() + plain, sizeof eight);
      if (has_json_special(eight)) break;
      std::memcpy(at_ + plain, &eight, sizeof eight);
    }
    plain += copied_end(value.data() + plain, at_ + plain, straight - plain, plain >= sizeof(std::uint64_t));
    for (; plain < straight && is_json_plain(value[plain]); ++plain) at_[plain] = value[plain];
    at_ += plain;
    return plain == value.size() || escaped_slowly(value.substr(plain), room - plain);
  }

  // The last few bytes by whole words that overlap what was copied before them, or each other: all of them, or none.
  static std::size_t copied_end(const char* from, char* to, std::size_t size, bool has_word_before) noexcept {
    if (size >= sizeof(std::uint64_t)) return 0;  // there is something special in the next word
    if (has_word_before) {
      const std::size_t back = sizeof(std::uint64_t) - size;
      std::uint64_t eight = 0;
      std::memcpy(&eight, from - back, sizeof eight);
      if (has_json_special(eight)) return 0;
      std::memcpy(to - back, &eight, sizeof eight);
      return size;
    }
    std::uint32_t front = 0, end = 0;
    if (size < sizeof front) return 0;
    std::memcpy(&front, from, sizeof front);
    std::memcpy(&end, from + size - sizeof end, sizeof end);
    if (has_json_special(std::uint64_t{end} << 32 | front)) return 0;
    std::memcpy(to, &front, sizeof front);
    std::memcpy(to + size - sizeof end, &end, sizeof end);
    return size;
  }

  bool escaped_slowly(std::string_view value, std::size_t room) noexcept;

  char* begin_;
  char* at_;
};

}  // namespace claviger::telemetry
