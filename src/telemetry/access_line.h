// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <span>

#include "base/clock.h"
#include "telemetry/access_log.h"

namespace claviger::telemetry {

inline constexpr std::size_t kAccessLineMax = std::size_t{8} << 10;

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

// One line of the access log, with its newline: a JSON object with the members in the order of
// AccessRecord; empty texts are left out. Texts other than the path are cut at 512 bytes, the path where
// the line would get longer than kAccessLineMax (and then ends in "[cut]").
// Returns the line's size.
std::size_t write_access_line(std::span<char, kAccessLineMax> out, const AccessRecord& record,
                              TimestampWriter& timestamps) noexcept;

}  // namespace claviger::telemetry
