// SPDX-License-Identifier: Apache-2.0
#pragma once

// The strict, sans-I/O reading of HTTP/1.x heads (RFC 9112). Bytes in, a head or an Error out; no
// sockets, no allocation, no guesses. Everything ambiguous is refused:
//
//   bare LF or CR, obs-fold, space before the colon, empty or non-token names, control bytes or NUL in
//   values, more than one Host, none in HTTP/1.1, a Host that is no valid authority, Content-Length with
//   Transfer-Encoding, repeated Content-Length (even when equal), lengths that are signed, empty, over
//   2^63-1 or padded with zeros, a Transfer-Encoding other than exactly "chunked" (in any case),
//   Transfer-Encoding in HTTP/1.0, versions other than 1.0 and 1.1, targets with anything but visible
//   ASCII, '#' in a target, white space around or inside the request line, leading empty lines beyond one
//   CRLF (RFC 9112 section 2.2 asks for at least one), Connection options that are no tokens or name
//   Content-Length, Transfer-Encoding or Host, expectations other than 100-continue.
//
// In targets: origin-form; absolute-form when its authority equals Host (case-insensitively; scheme http or
// https; no userinfo); authority-form (CONNECT) and asterisk-form are refused.
// Fuzzed by fuzz/http_request_fuzz.cc and fuzz/http_response_fuzz.cc.

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace claviger::http {

struct HeadLimits {
  std::size_t bytes = std::size_t{32} << 10;  // start line and fields together
  std::size_t fields = 100;  // at most kMaxFields
  std::size_t target = std::size_t{16} << 10;  // bytes of the request target
};

// Finds the end of a head that arrives in pieces, without looking at any byte twice.
class HeadScanner {
 public:
  // How many bytes of `buffer` the head takes, its empty line included; 0 when it is not whole yet.
  // `buffer` is everything received since the head began. Fails early on bytes that no head may hold (a TLS
  // hello, a bare LF), and with kHeadTooLarge past `limits.bytes`. Errors blame `blame`; kBadRequest for
  // a caller, kUpstreamFailed for an upstream.
  Result<std::size_t> scan(std::string_view buffer, const HeadLimits& limits, Blame blame) noexcept;
  void reset() noexcept {
    scanned_ = 0;
    line_length_ = 0;
  }

 private:
  std::size_t scanned_ = 0;  // bytes of `buffer` that need no second look
  std::size_t line_length_ = 0;  // of the line that `scanned_` stands in
};

// `head` is exactly what HeadScanner measured. `out`'s views point into it.
// kBadRequest or kHeadTooLarge, blame caller; `what` names the rule.
Result<void> parse_request_head(std::string_view head, const HeadLimits& limits, RequestHead& out) noexcept;

// `request_method` decides the framing (RFC 9112 section 6.3). kUpstreamFailed, blame upstream.
Result<void> parse_response_head(std::string_view head, const HeadLimits& limits, Method request_method,
                                 ResponseHead& out) noexcept;

}  // namespace claviger::http
