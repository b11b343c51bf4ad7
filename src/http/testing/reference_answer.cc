// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <vector>

#include "http/testing/reference_parser.h"

namespace claviger::http::testing {
namespace {

using namespace grammar;

// status-line = HTTP-version SP status-code SP [ reason-phrase ]; the second SP may be missing with the reason.
bool read_status_line(const std::string& line, PlainAnswer& out) {
  const std::string version = line.substr(0, 9);
  if (version != "HTTP/1.1 " && version != "HTTP/1.0 ") return false;
  out.minor = version == "HTTP/1.1 " ? 1 : 0;
  const std::string status = line.substr(9, 3);
  if (status.size() != 3 || !contains_only(status, kDigits)) return false;
  out.status = static_cast<unsigned>(std::stoul(status));
  if (out.status < 100 || out.status > 599) return false;
  const std::string rest = line.substr(12);
  if (rest.empty()) return true;
  if (rest[0] != ' ' || !is_field_text(rest)) return false;
  out.reason = rest.substr(1);
  return true;
}

// RFC 9112 section 6.3, in its order.
bool decide_framing(const SaidFraming& said, const std::string& request_method, PlainAnswer& out) {
  const bool claims_body = said.chunked || said.length.value_or(0) > 0;
  const bool interim = out.status / 100 == 1;
  if (interim && claims_body) return false;
  if (out.status == 204 && claims_body) out.keep_alive = false;
  if (!interim && out.status != 204) {
    out.has_content_length = said.length.has_value();
    out.content_length = said.length.value_or(0);
  }
  if (request_method == "HEAD" || interim || out.status == 204 || out.status == 304) {
    out.framing = Framing::kNone;
  } else if (said.chunked) {
    out.framing = Framing::kChunked;
  } else if (said.length) {
    out.framing = Framing::kLength;
  } else {
    out.framing = Framing::kUntilClose;
    out.keep_alive = false;
  }
  return true;
}

bool read_head(const std::vector<std::string>& lines, const HeadLimits& limits,
               const std::string& request_method, PlainAnswer& out) {
  if (!read_status_line(lines[0], out)) return false;
  if (lines.size() - 1 > limits.fields) return false;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (!read_field_line(lines[i], out.fields)) return false;
  }
  const std::optional<SaidFraming> said = read_framing(out.fields, out.minor);
  const ConnectionOptions connection = read_connection(out.fields);
  if (!said || connection.names_framing || values_of(out.fields, "host").size() > 1) return false;
  out.keep_alive = !connection.close && connection.tokens && (out.minor == 1 || connection.keep_alive);
  return decide_framing(*said, request_method, out);
}

}  // namespace

ReferenceAnswerHead reference_answer_head(const std::string& input, const HeadLimits& limits,
                                          const std::string& request_method) {
  if (input.starts_with("\r\n")) return {Verdict::kRefused, 0, {}};
  const std::size_t end = input.find("\r\n\r\n");
  if (end == std::string::npos) return {Verdict::kIncomplete, 0, {}};
  ReferenceAnswerHead result;
  result.size = end + 4;
  const bool fits = result.size <= limits.bytes;
  const bool fine =
      fits && read_head(split(input.substr(0, end), "\r\n"), limits, request_method, result.answer);
  result.verdict = fine ? Verdict::kAccepted : Verdict::kRefused;
  return result;
}

}  // namespace claviger::http::testing
