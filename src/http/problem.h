// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "http/head_writer.h"

namespace claviger::http {

// How an Error looks to a caller: the one mapping from Code to status and word (interface: status table).
struct ProblemKind {
  unsigned status;
  std::string_view code;   // "bad_request"
  std::string_view title;  // "The request is ambiguous or malformed"
};
ProblemKind problem_kind(Code code) noexcept;

// What else an answer of the gateway's own may need.
struct ProblemExtras {
  unsigned status = 0;                    // of a listener whose protocol has its own; 0: the kind's
  std::uint32_t retry_after_seconds = 0;  // 0: no Retry-After
  std::string_view rate_limit;            // value of RateLimit, empty for none
  std::string_view rate_limit_policy;     // value of RateLimit-Policy
  std::string_view allow;                 // value of Allow (405)
  bool challenge = false;                 // WWW-Authenticate (401 on listeners that take Basic)
  bool close = false;                     // Connection: close
  bool head_only = false;                 // answer to HEAD: the head of what GET would get
  bool for_operator = false;              // whoever reads this runs the gateway: every detail is shown
  bool tls = true;                        // HSTS only makes sense over TLS (RFC 6797 section 7.2)
};

// Writes a whole answer: status line, X-Claviger-Error, X-Request-Id, security headers, Date, problem+json
// (RFC 9457: type, title, status, detail, code, request_id). Text is JSON-escaped, and cut after 400 bytes; the
// gateway's inner details never appear: only Error::what() of blame caller and upstream is shown, others get
// the title, unless the answer is for an operator.
void write_problem(HeadWriter& out, const Error& error, std::string_view request_id, std::string_view date,
                   const ProblemExtras& extras) noexcept;

// The security headers that every answer of the gateway's own carries (controls W2), as lines.
void write_security_headers(HeadWriter& out, bool tls) noexcept;

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7) into 29 bytes.
void format_http_date(std::int64_t unix_seconds, std::span<char, 29> out) noexcept;

}  // namespace claviger::http
