// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "telemetry/access_log.h"
#include "telemetry/json_line.h"

namespace claviger::telemetry {

inline constexpr std::size_t kAccessLineMax = std::size_t{8} << 10;

// The members of a call's line behind its time, each with the comma before it, in the order of AccessRecord; empty texts
// are left out. Ids and words are cut at 64 bytes, names at 512, the query at 1024, the path where the line would get longer
// than kAccessLineMax (these two then end in "[cut]"). The audit log's events have the same ones.
// Requires: `line` has written at most 128 bytes, to the front of kAccessLineMax.
void write_call_members(JsonLine& line, const AccessRecord& record) noexcept;
// What came of it: `credential_opened`, and all that stands behind it in AccessRecord.
// Requires: write_call_members() came before it.
void write_outcome_members(JsonLine& line, const AccessRecord& record) noexcept;

// One line of the access log, with its newline: a JSON object of the time and all those members.
// Returns the line's size.
std::size_t write_access_line(std::span<char, kAccessLineMax> out, const AccessRecord& record,
                              TimestampWriter& timestamps) noexcept;

}  // namespace claviger::telemetry
