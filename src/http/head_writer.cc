// SPDX-License-Identifier: Apache-2.0
#include "http/head_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/secret_arena.h"

namespace claviger::http {
namespace {

// In order of status (RFC 9110 section 15 and the IANA registry).
constexpr std::pair<unsigned, std::string_view> kReasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};
static_assert(std::ranges::is_sorted(kReasons));

}  // namespace

void HeadWriter::take_back(std::size_t size) noexcept {
  base::wipe(out_.data() + size, used_ - size);
  used_ = size;
}

void HeadWriter::append_number(std::uint64_t number) noexcept {
  std::array<char, 20> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  append({digits.data(), end});
}

void HeadWriter::field(std::string_view name, std::uint64_t value) noexcept {
  append(name);
  append(": ");
  append_number(value);
  append("\r\n");
}

void HeadWriter::status_line(unsigned status, std::string_view reason) noexcept {
  append("HTTP/1.1 ");
  append_number(status);
  append(' ');
  append(reason.empty() ? reason_phrase(status) : reason);
  append("\r\n");
}

std::string_view reason_phrase(unsigned status) noexcept {
  const auto* const found =
      std::ranges::lower_bound(kReasons, status, {}, &std::pair<unsigned, std::string_view>::first);
  return found != std::end(kReasons) && found->first == status ? found->second : std::string_view("");
}

}  // namespace claviger::http
