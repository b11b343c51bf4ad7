// SPDX-License-Identifier: Apache-2.0
#include "http/problem.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "base/parse.h"

namespace claviger::http {
namespace {

constexpr ProblemKind kUnavailableKind{503, "unavailable", "The gateway cannot answer at the moment"};

// Longest piece of text that is shown, so that the body always fits its buffer: each byte takes at most six.
constexpr std::size_t kMaxText = 400;
constexpr std::size_t kMaxBody = 6 * 2 * kMaxText + 512;

// The bytes of a JSON string (RFC 8259 section 7).
void append_escaped(HeadWriter& out, std::string_view text) noexcept {
  text = text.substr(0, kMaxText);
  const bool utf8 = base::is_utf8(text);
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append('\\');
      out.append(c);
    } else if (octet < 0x20 || octet == 0x7F) {
      out.append("\\u00");
      out.append("0123456789abcdef"[octet >> 4]);
      out.append("0123456789abcdef"[octet & 15]);
    } else if (octet >= 0x80 && !utf8) {
      out.append('?');
    } else {
      out.append(c);
    }
  }
}

void append_member(HeadWriter& out, std::string_view name, std::string_view value) noexcept {
  out.append(",\"");
  out.append(name);
  out.append("\":\"");
  append_escaped(out, value);
  out.append('"');
}

bool is_for_callers(Code code) noexcept { return code <= Code::kMethodNotAllowed; }

// What an error says about the inside (a library, the operator's files) is for the log alone.
// Nor is it for callers where an upstream is, or by which names and addresses it was looked for.
std::string_view text_for(const Error& error, bool for_operator) noexcept {
  if (for_operator) return error.what();
  if (!is_for_callers(error.code())) return {};
  if (error.blame() == Blame::kCaller) return error.what();
  return error.blame() == Blame::kUpstream ? error.literal() : std::string_view();
}

std::string_view detail_of(const Error& error, const ProblemKind& kind, bool for_operator) noexcept {
  const std::string_view text = text_for(error, for_operator);
  return text.empty() ? kind.title : text;
}

void write_body(HeadWriter& out, const ProblemKind& kind, unsigned status, std::string_view detail,
                std::string_view request_id) noexcept {
  out.append("{\"type\":\"urn:claviger:error:");
  out.append(kind.code);
  out.append('"');
  append_member(out, "title", kind.title);
  out.append(",\"status\":");
  out.append_number(status);
  append_member(out, "detail", detail);
  append_member(out, "code", kind.code);
  append_member(out, "request_id", request_id);
  out.append("}\n");
}

void write_challenge(HeadWriter& out, bool basic) noexcept {
  out.field("WWW-Authenticate",
            basic ? R"(Basic realm="claviger", Bearer realm="claviger")" : R"(Bearer realm="claviger")");
}

void write_two_digits(char* out, unsigned number) noexcept {
  out[0] = static_cast<char>('0' + number / 10 % 10);
  out[1] = static_cast<char>('0' + number % 10);
}

}  // namespace

ProblemKind problem_kind(Code code) noexcept {
  switch (code) {
    case Code::kBadRequest:
      return {400, "bad_request", "The request is ambiguous or malformed"};
    case Code::kUnauthenticated:
      return {401, "unauthenticated", "The caller is not authenticated"};
    case Code::kDenied:
      return {403, "denied", "The caller may not do this"};
    case Code::kNoUpstream:
      return {404, "no_upstream", "No upstream is mounted here"};
    case Code::kHeadTooLarge:
      return {431, "too_large", "The request head is too large"};
    case Code::kTooLarge:
      return {413, "too_large", "The request body is too large"};
    case Code::kLimited:
      return {429, "limited", "A limit is reached"};
    case Code::kNoCredential:
      return {503, "no_credential", "No usable credential for this upstream"};
    case Code::kUpstreamFailed:
      return {502, "upstream_failed", "The upstream could not be reached or broke its protocol"};
    case Code::kUpstreamTimeout:
      return {504, "upstream_timeout", "The upstream took too long"};
    case Code::kNoResource:
      return {404, "not_found", "There is no such resource"};
    case Code::kConflict:
      return {409, "conflict", "The resource is not in the state that this expects"};
    case Code::kMethodNotAllowed:
      return {405, "method_not_allowed", "This path does not take that method"};
    case Code::kUnavailable:
    // The rest has no name for callers: something failed inside, and the gateway fails closed.
    case Code::kInvalid:
    case Code::kNotFound:
    case Code::kIo:
    case Code::kClosed:
    case Code::kTimeout:
    case Code::kCancelled:
    case Code::kInternal:
      return kUnavailableKind;
  }
  return kUnavailableKind;
}

void write_problem(HeadWriter& out, const Error& error, std::string_view request_id, std::string_view date,
                   const ProblemExtras& extras) noexcept {
  const ProblemKind kind = problem_kind(error.code());
  const unsigned status = extras.status != 0 ? extras.status : kind.status;
  std::array<char, kMaxBody> buffer;
  HeadWriter body(buffer);
  write_body(body, kind, status, detail_of(error, kind, extras.for_operator), request_id);

  out.status_line(status, {});
  out.field("Date", date);
  out.field("Content-Type", "application/problem+json");
  out.field("Content-Length", body.size());
  out.field("X-Claviger-Error", kind.code);
  out.field("X-Request-Id", request_id);
  write_security_headers(out, extras.tls);
  if (extras.retry_after_seconds > 0) out.field("Retry-After", extras.retry_after_seconds);
  if (!extras.rate_limit.empty()) out.field("RateLimit", extras.rate_limit);
  if (!extras.rate_limit_policy.empty()) out.field("RateLimit-Policy", extras.rate_limit_policy);
  if (!extras.allow.empty()) out.field("Allow", extras.allow);
  // A 401 needs a challenge whatever the listener takes (RFC 9110 section 11.6.1).
  if (extras.challenge || status == 401) write_challenge(out, extras.challenge);
  if (extras.close) out.field("Connection", "close");
  out.end();
  if (!extras.head_only) out.append(body.text());
}

void write_security_headers(HeadWriter& out, bool tls) noexcept {
  out.append(
      "X-Content-Type-Options: nosniff\r\n"
      "X-Frame-Options: DENY\r\n"
      "Referrer-Policy: no-referrer\r\n"
      "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
      "X-XSS-Protection: 0\r\n"
      "Cache-Control: no-store\r\n");
  if (tls) out.append("Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n");
}

void format_http_date(std::int64_t unix_seconds, std::span<char, 29> out) noexcept {
  using namespace std::chrono;
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  constexpr std::int64_t kLastSecond = 253402300799;  // of the year 9999: four digits are all there are

  const sys_seconds time{seconds{std::clamp<std::int64_t>(unix_seconds, 0, kLastSecond)}};
  const sys_days midnight = floor<days>(time);
  const year_month_day date{midnight};
  const hh_mm_ss clock{time - midnight};
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));

  std::memcpy(out.data(), "Day, 00 Mon 0000 00:00:00 GMT", 29);
  std::memcpy(&out[0], &kDays[3 * weekday{midnight}.c_encoding()], 3);
  write_two_digits(&out[5], static_cast<unsigned>(date.day()));
  std::memcpy(&out[8], &kMonths[3 * (static_cast<unsigned>(date.month()) - 1)], 3);
  write_two_digits(&out[12], year / 100);
  write_two_digits(&out[14], year % 100);
  write_two_digits(&out[17], static_cast<unsigned>(clock.hours().count()));
  write_two_digits(&out[20], static_cast<unsigned>(clock.minutes().count()));
  write_two_digits(&out[23], static_cast<unsigned>(clock.seconds().count()));
}

}  // namespace claviger::http
