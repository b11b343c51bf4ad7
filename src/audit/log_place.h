// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace claviger::audit {

// A place in the log, before a line. It stays good while its segment is kept.
struct LogPlace {
  std::uint64_t event = 0;    // number of the event that comes next
  std::uint64_t segment = 0;  // first event of the segment that it lies in
  std::uint64_t offset = 0;   // in bytes, in that segment's text

  std::string text() const;  // "<event>:<segment>:<offset>"
  bool operator==(const LogPlace&) const = default;
};
// kInvalid (blame: caller) for anything but what text() gives.
Result<LogPlace> parse_log_place(std::string_view text);

}  // namespace claviger::audit
