// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_line.h"

#include <charconv>

#include "telemetry/json_escape.h"

namespace claviger::telemetry {
namespace {

constexpr std::size_t kTextMax = 512;
constexpr std::string_view kCutMark = "[cut]";

// At most what a text becomes, escaped and cut.
constexpr std::size_t bound(std::string_view text) { return std::min(text.size() * kJsonUnitMax, kTextMax); }

// Whether any of eight bytes is not plain JSON text. May say yes for a byte above one that is not.
constexpr bool has_special(std::uint64_t eight) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  const auto zero_in = [](std::uint64_t x) { return (x - kOnes) & ~x; };
  const std::uint64_t found = eight | (eight - kOnes * 0x20) | zero_in(eight ^ (kOnes * '"')) |
                              zero_in(eight ^ (kOnes * '\\')) | zero_in(eight ^ (kOnes * 0x7f));
  return (found & kHighs) != 0;
}

class Line {
 public:
  explicit Line(char* out) noexcept : begin_(out), at_(out) {}

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
  void text(const char (&key)[N], std::string_view value) noexcept {
    if (value.empty()) return;
    literal(key);
    escaped(value, kTextMax);
    *at_++ = '"';
  }

  template <std::size_t N>
  void path(const char (&key)[N], std::string_view value, std::size_t room) noexcept {
    if (value.empty()) return;
    literal(key);
    if (!escaped(value, room)) at_ = std::ranges::copy(kCutMark, at_).out;
    *at_++ = '"';
  }

  template <std::size_t N>
  void number(const char (&key)[N], std::uint64_t value) noexcept {
    literal(key);
    at_ = std::to_chars(at_, at_ + 20, value).ptr;
  }

  std::size_t size() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

 private:
  // False when `room` did not suffice for all of it.
  bool escaped(std::string_view value, std::size_t room) noexcept {
    const std::size_t straight = std::min(value.size(), room);
    std::size_t plain = 0;
    for (std::uint64_t eight; plain + sizeof eight <= straight; plain += sizeof eight) {
      std::memcpy(&eight, value.data() + plain, sizeof eight);
      if (has_special(eight)) break;
      std::memcpy(at_ + plain, &eight, sizeof eight);
    }
    for (; plain < straight && is_json_plain(value[plain]); ++plain) at_[plain] = value[plain];
    at_ += plain;
    return plain == value.size() || escaped_slowly(value.substr(plain), room - plain);
  }

  [[gnu::noinline]] bool escaped_slowly(std::string_view value, std::size_t room) noexcept {
    while (!value.empty()) {
      const JsonUnit next = next_json_unit(value);
      if (next.size > room) return false;
      at_ = std::copy_n(next.text.data(), next.size, at_);
      room -= next.size;
      value.remove_prefix(next.taken);
    }
    return true;
  }

  char* begin_;
  char* at_;
};

void write_digits(char* out, unsigned value, std::size_t width) noexcept {
  for (std::size_t i = width; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

// What else a line can hold: literals, numbers, and the texts at their longest.
constexpr std::size_t kNumbersAndNames = 512;
constexpr std::size_t kTexts = 9;
static_assert(kAccessLineMax > kNumbersAndNames + kTexts * kTextMax + kCutMark.size());

std::size_t room_for_path(std::size_t used, const AccessRecord& record) noexcept {
  const std::size_t behind = bound(record.code) + bound(record.grant) + bound(record.credential);
  return kAccessLineMax - used - behind - kNumbersAndNames - kCutMark.size();
}

}  // namespace

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

std::size_t write_access_line(std::span<char, kAccessLineMax> out, const AccessRecord& record,
                              TimestampWriter& timestamps) noexcept {
  Line line(out.data());
  line.literal(R"({"time":")");
  line.time(record.time, timestamps);
  line.literal(R"(")");
  line.text(R"(,"request_id":")", record.request_id);
  line.text(R"(,"principal":")", record.principal);
  line.text(R"(,"key_id":")", record.key_id);
  line.text(R"(,"address":")", record.address);
  line.text(R"(,"upstream":")", record.upstream);
  line.text(R"(,"method":")", record.method);
  line.path(R"(,"path":")", record.path, room_for_path(line.size(), record));
  line.number(R"(,"status":)", record.status);
  line.text(R"(,"code":")", record.code);
  line.text(R"(,"grant":")", record.grant);
  line.text(R"(,"credential":")", record.credential);
  line.number(R"(,"bytes_in":)", record.bytes_in);
  line.number(R"(,"bytes_out":)", record.bytes_out);
  line.number(R"(,"duration_us":)",
              static_cast<std::uint64_t>(std::max<std::int64_t>(record.duration.count(), 0)));
  if (record.reused) line.literal(",\"reused\":true}\n");
  else line.literal(",\"reused\":false}\n");
  return line.size();
}

}  // namespace claviger::telemetry
