// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace claviger::base {
namespace {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Splits "250ms" into its digits and the rest.
struct Quantity {
  std::string_view digits;
  std::string_view unit;
};
Quantity split_quantity(std::string_view text) noexcept {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const auto length = static_cast<std::size_t>(end - text.begin());
  return {text.substr(0, length), text.substr(length)};
}

struct Unit {
  std::string_view name;
  std::uint64_t size;
};
constexpr std::array<Unit, 5> kDurations{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 4> kByteSizes{
    {{"", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}}};

std::uint64_t find_unit(std::span<const Unit> units, std::string_view name) noexcept {
  const auto found = std::ranges::find(units, name, &Unit::name);
  return found == units.end() ? 0 : found->size;
}

// The nibble, or 0xff.
constexpr unsigned nibble_of(char c) noexcept {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return 0xff;
}

}  // namespace

Result<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t max) {
  if (text.empty() || !std::ranges::all_of(text, is_digit)) {
    return Error(Code::kInvalid, Blame::kOperator, "not a decimal number");
  }
  if (text.size() > 1 && text.front() == '0') {
    return Error(Code::kInvalid, Blame::kOperator, "number with a leading zero");
  }
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || value > max) {
    return Error::formatted(Code::kInvalid, Blame::kOperator, fmt::format("number over {}", max));
  }
  return value;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto [digits, unit] = split_quantity(text);
  const std::uint64_t scale = find_unit(kDurations, unit);
  if (digits.empty() || scale == 0) {
    return Error(Code::kInvalid, Blame::kOperator, "not a duration such as 250ms, 30s, 5m, 12h or 90d");
  }
  const std::uint64_t count = CLV_TRY(parse_decimal(digits, static_cast<std::uint64_t>(INT64_MAX) / scale));
  return std::chrono::milliseconds(static_cast<std::int64_t>(count * scale));
}

Result<std::uint64_t> parse_byte_size(std::string_view text) {
  const auto [digits, unit] = split_quantity(text);
  const std::uint64_t scale = find_unit(kByteSizes, unit);
  if (digits.empty() || scale == 0) {
    return Error(Code::kInvalid, Blame::kOperator, "not a size such as 4096, 64KiB, 16MiB or 1GiB");
  }
  return CLV_TRY(parse_decimal(digits, UINT64_MAX / scale)) * scale;
}

Result<void> parse_hex(std::string_view text, std::span<std::byte> out) {
  if (text.size() != out.size() * 2)
    return Error(Code::kInvalid, Blame::kOperator, "wrong number of hex digits");
  unsigned worst = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const unsigned high = nibble_of(text[2 * i]);
    const unsigned low = nibble_of(text[2 * i + 1]);
    worst |= high | low;
    out[i] = static_cast<std::byte>((high << 4 | low) & 0xff);
  }
  if (worst > 0xf) return Error(Code::kInvalid, Blame::kOperator, "not a hex digit");
  return ok();
}

std::string format_hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    text += kDigits[std::to_integer<std::size_t>(byte & std::byte{0xf})];
  }
  return text;
}

bool is_utf8(std::string_view text) noexcept {
  const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned first = octet(i);
    if (first < 0x80) {
      ++i;
      continue;
    }
    // RFC 3629 section 4: how many follow, and what the second one may be.
    if (first < 0xc2 || first > 0xf4) return false;
    const std::size_t more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (more >= text.size() - i) return false;
    const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (octet(i + 1) < low || octet(i + 1) > high) return false;
    for (std::size_t k = 2; k <= more; ++k) {
      if ((octet(i + k) & 0xc0) != 0x80) return false;
    }
    i += more + 1;
  }
  return true;
}

bool is_resource_name(std::string_view text) noexcept {
  const auto is_letter_or_digit = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c); };
  return !text.empty() && text.size() <= 64 && is_letter_or_digit(text.front()) &&
         std::ranges::all_of(
             text, [&](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; });
}

bool equals_ignore_case(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace claviger::base
