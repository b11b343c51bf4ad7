// SPDX-License-Identifier: Apache-2.0
#pragma once

// Strict reading of numbers, times and text from outside. Each takes the whole input or fails with
// kInvalid (blame: operator; callers of parsers on the wire use http's own): no sign, no surrounding
// space, no leading zeros where they could be read two ways, no overflow.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace claviger::base {

// Decimal digits only, at most `max`.
Result<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t max = UINT64_MAX);

// "250ms", "30s", "5m", "12h", "90d". A bare number is refused: the unit must be said.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// "4096", "64KiB", "16MiB", "1GiB".
Result<std::uint64_t> parse_byte_size(std::string_view text);

// RFC 3339 in UTC ("2027-01-01T00:00:00Z", fractions of a second allowed and kept to microseconds).
Result<WallTime> parse_rfc3339(std::string_view text);
// "2027-01-01T00:00:00.000Z": always UTC, always milliseconds.
std::string format_rfc3339(WallTime time);

// 64 hex digits, either case, into 32 bytes; and the like for other sizes.
Result<void> parse_hex(std::string_view text, std::span<std::byte> out);
std::string format_hex(std::span<const std::byte> bytes);

// True for well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF).
bool is_utf8(std::string_view text) noexcept;

// A resource's name: 1 to 64 of [a-z0-9-_.], starting with a letter or digit.
bool is_resource_name(std::string_view text) noexcept;

// ASCII only, locale-free.
bool equals_ignore_case(std::string_view a, std::string_view b) noexcept;

}  // namespace claviger::base
