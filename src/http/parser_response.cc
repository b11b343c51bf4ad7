// SPDX-License-Identifier: Apache-2.0
#include "http/octets.h"
#include "http/parser_fields.h"

namespace claviger::http {
namespace {

constexpr Blame kUpstream = Blame::kUpstream;

// "HTTP/1.x SSS[ reason]" CR LF; returns its size.
Result<std::size_t> read_status_line(std::string_view head, ResponseHead& out) noexcept {
  if (!head.starts_with("HTTP/1.") || head.size() < 14 || (head[7] != '0' && head[7] != '1') ||
      head[8] != ' ') {
    return refuse(kUpstream, "the answer does not begin with HTTP/1.1 or HTTP/1.0");
  }
  out.minor = head[7] == '1' ? 1 : 0;
  if (!is_all(head.substr(9, 3), kIsDigit)) return refuse(kUpstream, "the status is no number");
  out.status = static_cast<unsigned>((head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0'));
  if (out.status < 100 || out.status > 599) return refuse(kUpstream, "the status is out of range");

  const char* const after = head.data() + 12;
  const char* const end = head.data() + head.size();
  if (*after != ' ' && *after != '\r') return refuse(kUpstream, "the status is not three digits");
  const char* const stop = find_non_text(after, end);
  if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n') {
    return refuse(kUpstream, "the status line does not end with CR LF, or holds control bytes");
  }
  if (stop != after) out.reason = {after + 1, stop};
  return static_cast<std::size_t>(stop + 2 - head.data());
}

bool is_without_body(unsigned status, Method request_method) noexcept {
  return request_method == Method::kHead || status < 200 || status == 204 || status == 304;
}

// RFC 9112 section 6.3.
Result<void> decide_framing(const FramingFields& said, Method request_method, ResponseHead& out) noexcept {
  const bool claims_body = said.chunked || said.length > 0;
  // What an interim answer claimed as its body would be read as the final answer.
  if (out.status < 200 && claims_body) return refuse(kUpstream, "an interim answer claims to have a body");
  if (is_without_body(out.status, request_method)) {
    out.framing = Framing::kNone;
    if (out.status == 204 && claims_body) out.keep_alive = false;  // it may still send one
    if (out.status < 200 || out.status == 204) return ok();        // RFC 9110 section 8.6: no length there
  } else if (said.chunked) {
    out.framing = Framing::kChunked;
  } else if (said.has_length) {
    out.framing = Framing::kLength;
  } else {
    out.framing = Framing::kUntilClose;
    out.keep_alive = false;
  }
  out.has_content_length = said.has_length;
  out.content_length = said.length;
  return ok();
}

}  // namespace

Result<void> parse_response_head(std::string_view head, const HeadLimits& limits, Method request_method,
                                 ResponseHead& out) noexcept {
  // Field by field: assigning a fresh ResponseHead would write the whole array of fields.
  out.status = 0;
  out.reason = {};
  out.minor = 1;
  out.framing = Framing::kNone;
  out.content_length = 0;
  out.has_content_length = false;
  out.keep_alive = true;
  out.fields.clear();

  if (head.size() > limits.bytes) return refuse_size(kUpstream, "the head is too large");
  const std::size_t line_size = CLV_TRY(read_status_line(head, out));
  CLV_TRY_VOID(read_fields(head.substr(line_size), limits.fields, kUpstream, out.fields));
  const FramingFields said = CLV_TRY(read_framing_fields(out.fields, out.minor, kUpstream));
  out.keep_alive = !said.close && (out.minor == 1 || said.keep_alive);
  return decide_framing(said, request_method, out);
}

}  // namespace claviger::http
