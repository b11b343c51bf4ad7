// SPDX-License-Identifier: Apache-2.0
#include "gateway/credential_testimony.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/parse.h"
#include "gateway/world.h"

namespace claviger::gateway {
namespace {

using Kind = Testimony::Kind;
using std::chrono::seconds;

constexpr std::chrono::hours kMost{24};  // of Retry-After: what is longer is as long

template <class Number>
std::optional<Number> number(std::string_view text) noexcept {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  return value;
}

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<WallTime> read_http_date(std::string_view text) noexcept {
  if (text.size() != 29 || text.substr(3, 2) != ", " || !text.ends_with(" GMT")) return std::nullopt;
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  const auto day = number<unsigned>(text.substr(5, 2));
  const auto year = number<int>(text.substr(12, 4));
  const auto hour = number<int>(text.substr(17, 2));
  const auto minute = number<int>(text.substr(20, 2));
  const auto second = number<int>(text.substr(23, 2));
  if (month == kMonths.end() || !day || !year || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{
      std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
      std::chrono::day(*day)};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         seconds(*second);
}

// Whether one of the challenges gives this as its error (RFC 6750 section 3).
bool is_challenged_with(const http::Fields& fields, std::string_view error) noexcept {
  for (const http::Field& field : fields)
    if (base::equals_ignore_case(field.name, "www-authenticate") && field.value.contains(error)) return true;
  return false;
}

}  // namespace

seconds read_retry_after(std::string_view value, WallTime now) noexcept {
  if (value.empty()) return seconds(0);
  if (std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; })) {
    const auto asked = number<std::uint32_t>(value);
    return std::min<seconds>(asked ? seconds(*asked) : kMost, kMost);  // too large for a number is long
  }
  const auto when = read_http_date(value);
  if (!when || *when <= now) return seconds(0);
  return std::min<seconds>(std::chrono::ceil<seconds>(*when - now), kMost);
}

Testimony testimony_of(const http::ResponseHead& answer, WallTime now) noexcept {
  switch (answer.status) {
    case 401:
      if (is_challenged_with(answer.fields, "insufficient_scope")) return {};
      return {.kind = Kind::kRefused};
    case 402:
      return {.kind = Kind::kExhausted};
    case 403:
      if (!is_challenged_with(answer.fields, "invalid_token")) return {};
      return {.kind = Kind::kRefused};
    case 429: {
      const http::Field* const asked = answer.fields.find("retry-after");
      return {.kind = Kind::kThrottled,
              .retry_after = asked != nullptr ? read_retry_after(asked->value, now) : seconds(0)};
    }
    default:
      return {.kind = answer.status / 100 == 2 ? Kind::kGood : Kind::kNothing};
  }
}

void note_answer(const Call& call, const http::ResponseHead& answer, Monotonic now, WallTime wall) noexcept {
  const Testimony said = testimony_of(answer, wall);
  if (said.kind == Kind::kRefused && call.credential->credential->fetcher()) return;
  call.credential->life->answered(call.principal->name, call.credential_period, said, now);
}

}  // namespace claviger::gateway
