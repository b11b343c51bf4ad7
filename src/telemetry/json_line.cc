// SPDX-License-Identifier: Apache-2.0
#include "telemetry/json_line.h"

namespace claviger::telemetry {
namespace {

void write_digits(char* out, unsigned value, std::size_t width) noexcept {
  for (std::size_t i = width; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

bool JsonLine::escaped_slowly(std::string_view value, std::size_t room) noexcept {
  while (!value.empty()) {
    const JsonUnit next = next_json_unit(value);
    if (next.size > room) return false;
    at_ = std::copy_n(next.text.data(), next.size, at_);
    room -= next.size;
    value.remove_prefix(next.taken);
  }
  return true;
}

void TimestampWriter::write(char* out, WallTime time) noexcept {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  if (second != second_) {
    const auto day = std::chrono::floor<std::chrono::days>(second);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(second - day);
    write_digits(&text_[0], static_cast<unsigned>(std::clamp(static_cast<int>(date.year()), 0, 9999)), 4);
    text_[4] = text_[7] = '-';
    write_digits(&text_[5], static_cast<unsigned>(date.month()), 2);
    write_digits(&text_[8], static_cast<unsigned>(date.day()), 2);
    text_[10] = 'T';
    text_[13] = text_[16] = ':';
    write_digits(&text_[11], static_cast<unsigned>(clock.hours().count()), 2);
    write_digits(&text_[14], static_cast<unsigned>(clock.minutes().count()), 2);
    write_digits(&text_[17], static_cast<unsigned>(clock.seconds().count()), 2);
    text_[19] = '.';
    second_ = second;
  }
  std::memcpy(out, text_.data(), kSecondsSize);
  const auto fraction = std::chrono::floor<std::chrono::milliseconds>(time - second);
  write_digits(out + kSecondsSize, static_cast<unsigned>(fraction.count()), 3);
  out[kSize - 1] = 'Z';
}

}  // namespace claviger::telemetry
