// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>

#include "http/octets.h"
#include "http/parser_fields.h"

namespace claviger::http {
namespace {

[[gnu::cold]] Error refuse_control(char c, Blame blame) noexcept {
  if (c == '\n') return refuse(blame, "a line ends with a bare LF");
  if (c == '\r') return refuse(blame, "a bare CR");
  if (c == '\0') return refuse(blame, "a NUL byte in the head");
  return refuse(blame, "a control byte in the head");
}

}  // namespace

Result<std::size_t> HeadScanner::scan(std::string_view buffer, const HeadLimits& limits,
                                      Blame blame) noexcept {
  const char* const begin = buffer.data();
  const char* const end = begin + std::min(buffer.size(), limits.bytes);
  // One empty line may precede a request (RFC 9112 section 2.2), none a response.
  const std::ptrdiff_t allowed_empty = blame == Blame::kCaller ? 2 : 0;

  const char* p = begin + scanned_;
  while (true) {
    const char* const stop = find_non_text(p, end);
    line_length_ += static_cast<std::size_t>(stop - p);
    scanned_ = static_cast<std::size_t>(stop - begin);
    if (end - stop < 2 && (stop == end || *stop == '\r')) break;  // a CR waits for its LF
    if (stop[0] != '\r' || stop[1] != '\n') return refuse_control(*stop, blame);
    p = stop + 2;
    if (line_length_ == 0) {
      const std::ptrdiff_t size = p - begin;
      if (size > allowed_empty + 2) return static_cast<std::size_t>(size);
      if (size > allowed_empty) return refuse(blame, "empty lines before the start line");
    }
    line_length_ = 0;
  }
  if (buffer.size() > limits.bytes) return refuse_size(blame, "the head is too large");
  return 0;
}

}  // namespace claviger::http
