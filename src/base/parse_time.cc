// SPDX-License-Identifier: Apache-2.0
// RFC 3339 times, section 5.6, of which only UTC is taken.
#include <fmt/format.h>

#include <algorithm>

#include "base/parse.h"

namespace claviger::base {
namespace {

Error not_a_time() {
  return Error(Code::kInvalid, Blame::kOperator, "not a time in UTC such as 2027-01-01T00:00:00Z");
}

// The number that digits[at, at + count) make, or -1.
int digits_at(std::string_view text, std::size_t at, std::size_t count) noexcept {
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

// ".5" is 500'000 microseconds; digits beyond the sixth are dropped. -1 when it is no fraction.
int microseconds_of(std::string_view fraction) noexcept {
  if (fraction.empty()) return 0;
  if (fraction.front() != '.' || fraction.size() < 2 || fraction.size() > 10) return -1;
  if (digits_at(fraction, 1, fraction.size() - 1) < 0) return -1;
  int value = 0;
  for (std::size_t i = 1; i <= 6; ++i) value = value * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  return value;
}

}  // namespace

Result<WallTime> parse_rfc3339(std::string_view text) {
  constexpr std::string_view kShape = "....-..-..T..:..:..";
  if (text.size() < kShape.size() + 1 || text.back() != 'Z') return not_a_time();
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] != '.' && text[i] != kShape[i]) return not_a_time();
  }
  const int year = digits_at(text, 0, 4);
  const int month = digits_at(text, 5, 2);
  const int day = digits_at(text, 8, 2);
  const int hour = digits_at(text, 11, 2);
  const int minute = digits_at(text, 14, 2);
  const int second = digits_at(text, 17, 2);
  const int micros = microseconds_of(text.substr(kShape.size(), text.size() - kShape.size() - 1));
  if (std::min({year, month, day, hour, minute, second, micros}) < 0) return not_a_time();
  if (hour > 23 || minute > 59 || second > 59)
    return not_a_time();  // leap seconds have no place in Unix time

  const auto date = std::chrono::year(year) / month / day;
  if (!date.ok()) return not_a_time();
  return WallTime(std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
                  std::chrono::seconds(second) + std::chrono::microseconds(micros));
}

std::string format_rfc3339(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time) - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace claviger::base
