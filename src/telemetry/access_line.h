// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "telemetry/access_log.h"
#include "telemetry/json_line.h"

namespace claviger::telemetry {

inline constexpr std::size_t kAccessLineMax = std::size_t{8} << 10;

// The members of a call's line behind its time, each with the comma before it, in the order of AccessRecord;
// empty texts are left out. Texts other than the path are cut at 512 bytes, the path where the line would
// get longer than kAccessLineMax (and then ends in "[cut]"). The audit log's events have the same ones.
// Requires: `line` has written at most 128 bytes, to the front of kAccessLineMax.
void write_access_members(JsonLine& line, const AccessRecord& record) noexcept;

// One line of the access log, with its newline: a JSON object of the time and those members.
// Returns the line's size.
std::size_t write_access_line(std::span<char, kAccessLineMax> out, const AccessRecord& record,
                              TimestampWriter& timestamps) noexcept;

}  // namespace claviger::telemetry
