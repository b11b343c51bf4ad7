// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/ip.h"
#include "base/parse.h"
#include "http/octets.h"
#include "http/parser_fields.h"

namespace claviger::http {
namespace {

constexpr Blame kCaller = Blame::kCaller;

struct RequestLine {
  std::size_t size = 0;        // bytes it takes, its CR LF included
  std::string_view authority;  // of an absolute-form target
};

[[gnu::cold]] Error refuse_method(char at, bool first) noexcept {
  if (first && (at == ' ' || at == '\t')) return refuse(kCaller, "white space before the method");
  if (at == '\r' || at == '\n') return refuse(kCaller, "the request line has no target");
  return refuse(kCaller, "the method is no token");
}

[[gnu::cold]] Error refuse_target(char at) noexcept {
  if (at == '#') return refuse(kCaller, "a fragment in the target");
  if (at == '\r' || at == '\n') return refuse(kCaller, "the request line has no version");
  return refuse(kCaller, "the target holds bytes that are not visible ASCII");
}

[[gnu::cold]] Error refuse_version(std::string_view rest) noexcept {
  if (rest.starts_with("HTTP/")) return refuse(kCaller, "the version is neither HTTP/1.1 nor HTTP/1.0");
  return refuse(kCaller, "the request line is not method, target and version with one space between them");
}

// Takes scheme and authority off an absolute-form target (RFC 9112 section 3.2.2).
Result<std::string_view> take_authority(std::string_view& target) noexcept {
  const std::size_t scheme_end = target.find("://");
  const std::string_view scheme = target.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end);
  if (!base::equals_ignore_case(scheme, "http") && !base::equals_ignore_case(scheme, "https")) {
    return refuse(kCaller, "the target is neither a path nor an http URL");
  }
  target.remove_prefix(scheme_end + 3);
  const std::size_t path_start = std::min(target.find_first_of("/?"), target.size());
  const std::string_view authority = target.substr(0, path_start);
  if (authority.empty()) return refuse(kCaller, "the target names no host");
  if (authority.contains('@')) return refuse(kCaller, "user information in the target");
  target.remove_prefix(path_start);
  if (target.starts_with('?')) return refuse(kCaller, "the target has a query but no path");
  if (target.empty()) target = "/";
  return authority;
}

Result<RequestLine> read_request_line(std::string_view head, const HeadLimits& limits,
                                      RequestHead& out) noexcept {
  const char* const begin = head.data();
  const char* const end = begin + head.size();
  const char* p = find_non_token(begin, end);
  if (p == end || *p != ' ' || p == begin) return refuse_method(p == end ? '\r' : *p, p == begin);
  out.method_text = {begin, p};
  out.method = method_of(out.method_text);

  const char* const target = ++p;
  p = find_non_target(p, end);
  if (p == target) return refuse(kCaller, "the target is empty");
  if (p == end || *p != ' ') return refuse_target(p == end ? '\r' : *p);
  out.target = {target, p};
  if (out.target.size() > limits.target) return refuse_size(kCaller, "the target is too long");

  const std::string_view rest(p + 1, end);
  if (!rest.starts_with("HTTP/1.") || rest.size() < 10 || rest.substr(8, 2) != "\r\n" ||
      (rest[7] != '0' && rest[7] != '1')) {
    return refuse_version(rest);
  }
  out.minor = rest[7] == '1' ? 1 : 0;
  RequestLine line;
  line.size = static_cast<std::size_t>(p + 1 + 10 - begin);
  // Its target is an authority, which no policy on paths can match; with a path it means nothing at all.
  if (out.method == Method::kConnect) return refuse(kCaller, "CONNECT is not supported");
  if (out.target.front() != '/') {
    if (out.target == "*") return refuse(kCaller, "the target is an asterisk");
    line.authority = CLV_TRY(take_authority(out.target));
  }
  return line;
}

void split_target(RequestHead& out) noexcept {
  const std::size_t mark = out.target.find('?');
  out.has_query = mark != std::string_view::npos;
  out.path = out.target.substr(0, mark);
  out.query = out.has_query ? out.target.substr(mark + 1) : std::string_view{};
}

bool is_port(std::string_view text) noexcept {
  if (!is_all(text, kIsDigit) || text.size() > 5) return false;
  unsigned port = 0;
  for (const char c : text) port = port * 10 + static_cast<unsigned>(c - '0');
  return port <= 65535;
}

// uri-host [ ":" port ] (RFC 9110 section 7.2), less what no DNS name holds: percent-encoding and
// sub-delims, which others decode, or split a list at.
bool is_authority(std::string_view text) noexcept {
  std::size_t host_end = 0;
  if (text.starts_with('[')) {
    host_end = text.find(']');
    if (host_end == std::string_view::npos) return false;
    const std::string_view address = text.substr(1, host_end - 1);
    if (!address.contains(':') || !base::parse_ip(address).has_value()) return false;
    ++host_end;
  } else {
    while (host_end < text.size() && is_octet(text[host_end], kIsHost)) ++host_end;
    if (host_end == 0) return false;
  }
  if (host_end == text.size()) return true;
  return text[host_end] == ':' && is_port(text.substr(host_end + 1));
}

Result<void> check_host(const RequestLine& line, const Field* host, RequestHead& out) noexcept {
  if (host == nullptr) {
    if (out.minor != 0) return refuse(kCaller, "HTTP/1.1 without Host");
    if (!line.authority.empty()) return refuse(kCaller, "an absolute target without Host");
    return ok();
  }
  if (!is_authority(host->value)) return refuse(kCaller, "Host is no valid authority");
  if (!line.authority.empty() && !base::equals_ignore_case(line.authority, host->value)) {
    return refuse(kCaller, "the target names another host than Host");
  }
  out.host = host->value;
  return ok();
}

}  // namespace

Result<void> parse_request_head(std::string_view head, const HeadLimits& limits, RequestHead& out) noexcept {
  // Field by field: assigning a fresh RequestHead would write the whole array of fields.
  out.method = Method::kOther;
  out.method_text = out.target = out.path = out.query = out.host = {};
  out.has_query = false;
  out.minor = 1;
  out.framing = Framing::kNone;
  out.content_length = 0;
  out.keep_alive = true;
  out.expects_continue = false;
  out.fields.clear();

  if (head.size() > limits.bytes) return refuse_size(kCaller, "the head is too large");
  if (head.starts_with("\r\n")) head.remove_prefix(2);  // RFC 9112 section 2.2
  const RequestLine line = CLV_TRY(read_request_line(head, limits, out));
  split_target(out);
  CLV_TRY_VOID(read_fields(head.substr(line.size), limits.fields, kCaller, out.fields));
  const FramingFields said = CLV_TRY(read_framing_fields(out.fields, out.minor, kCaller));
  CLV_TRY_VOID(check_host(line, said.host, out));

  if (said.chunked) out.framing = Framing::kChunked;
  if (said.has_length) out.framing = Framing::kLength;
  out.content_length = said.length;
  out.keep_alive = !said.close && (out.minor == 1 || said.keep_alive);
  out.expects_continue = said.expects_continue && out.minor == 1 && (said.chunked || said.length > 0);
  return ok();
}

}  // namespace claviger::http
