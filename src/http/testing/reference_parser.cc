// SPDX-License-Identifier: Apache-2.0
#include "http/testing/reference_parser.h"

#include <arpa/inet.h>

#include <optional>
#include <string>
#include <vector>

namespace claviger::http::testing {
namespace {

using namespace grammar;

using Lines = std::vector<std::string>;

bool is_host(const std::string& text) {
  std::string host = text;
  if (text.find(']') != std::string::npos) {
    const std::size_t end = text.find(']');
    if (text[0] != '[') return false;
    in6_addr address;
    if (inet_pton(AF_INET6, text.substr(1, end - 1).c_str(), &address) != 1) return false;
    if (text.substr(1, end - 1).find('\0') != std::string::npos) return false;
    const std::string rest = text.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') return false;
    host = "address" + rest;
  }
  const std::size_t colon = host.find(':');
  const std::string name = host.substr(0, colon);
  if (name.empty() || !contains_only(name, kLetters + kDigits + "-._")) return false;
  if (colon == std::string::npos) return true;
  const std::string port = host.substr(colon + 1);
  if (port.empty() || port.size() > 5 || !contains_only(port, kDigits)) return false;
  return std::stoi(port) <= 65535;
}

// request-line = method SP request-target SP HTTP-version
bool read_request_line(const std::string& line, const HeadLimits& limits, PlainRequest& out,
                       std::string& authority) {
  const std::vector<std::string> parts = split(line, " ");
  if (parts.size() != 3) return false;
  out.method = parts[0];
  out.target = parts[1];
  if (!is_token(out.method) || out.method == "CONNECT") return false;
  if (out.target.empty() || out.target.size() > limits.target) return false;
  for (const char c : out.target) {
    if (c < 0x21 || c > 0x7E || c == '#') return false;
  }
  if (parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0") return false;
  out.minor = parts[2] == "HTTP/1.1" ? 1 : 0;

  if (out.target[0] != '/') {
    std::size_t scheme = 0;
    if (lower(out.target.substr(0, 7)) == "http://") scheme = 7;
    if (lower(out.target.substr(0, 8)) == "https://") scheme = 8;
    if (scheme == 0) return false;
    const std::string rest = out.target.substr(scheme);
    const std::size_t end = rest.find_first_of("/?");
    authority = rest.substr(0, end);
    if (authority.empty()) return false;
    out.target = end == std::string::npos ? "/" : rest.substr(end);
    if (out.target[0] == '?') return false;
  }
  const std::size_t mark = out.target.find('?');
  out.path = out.target.substr(0, mark);
  out.has_query = mark != std::string::npos;
  if (out.has_query) out.query = out.target.substr(mark + 1);
  return true;
}

bool read_connection(PlainRequest& out) {
  const ConnectionOptions said = grammar::read_connection(out.fields);
  if (!said.tokens || said.names_framing) return false;
  out.keep_alive = !said.close && (out.minor == 1 || said.keep_alive);
  return true;
}

bool read_framing(PlainRequest& out) {
  const std::optional<SaidFraming> said = grammar::read_framing(out.fields, out.minor);
  if (!said) return false;
  if (said->length) {
    out.framing = Framing::kLength;
    out.content_length = *said->length;
  }
  if (said->chunked) out.framing = Framing::kChunked;
  for (const std::string& expectation : values_of(out.fields, "expect")) {
    if (lower(expectation) != "100-continue") return false;
    const bool has_body = out.framing == Framing::kChunked || out.content_length > 0;
    out.expects_continue = has_body && out.minor == 1;
  }
  return true;
}

bool read_host(const std::string& authority, PlainRequest& out) {
  const std::vector<std::string> hosts = values_of(out.fields, "host");
  if (hosts.size() > 1) return false;
  if (hosts.empty()) return out.minor == 0 && authority.empty();
  if (!is_host(hosts[0])) return false;
  out.host = hosts[0];
  return authority.empty() || lower(authority) == lower(out.host);
}

bool read_head(const Lines& lines, const HeadLimits& limits, PlainRequest& out) {
  std::string authority;
  if (!read_request_line(lines[0], limits, out, authority)) return false;
  if (lines.size() - 1 > limits.fields) return false;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (!read_field_line(lines[i], out.fields)) return false;
  }
  return read_framing(out) && read_connection(out) && read_host(authority, out);
}

// quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE
bool is_quoted_string(const std::string& text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"' || !is_field_text(text)) return false;
  std::string inner = text.substr(1, text.size() - 2);
  for (std::size_t at = inner.find('\\'); at != std::string::npos; at = inner.find('\\')) {
    if (at + 1 == inner.size()) return false;
    inner.erase(at, 2);
  }
  return inner.find('"') == std::string::npos;
}

// [ BWS "=" BWS chunk-ext-val ] behind a name, or nothing
bool is_extension(const std::string& text, bool is_last) {
  const std::size_t equals = text.find('=');
  // White space may stand before a ';' and before a '=', not at the end of the line.
  const std::string tail = equals == std::string::npos ? text : text.substr(equals + 1);
  if (is_last && tail != "" && (tail.back() == ' ' || tail.back() == '\t')) return false;
  if (!is_token(trim(text.substr(0, equals)))) return false;
  if (equals == std::string::npos) return true;
  const std::string value = trim(tail);
  return is_token(value) || is_quoted_string(value);
}

// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ), `text` being all behind the first ';'.
// Some ';' stand within quotes: where a part does not end well, it may end at a later one.
bool are_extensions(const std::string& text) {
  if (is_extension(text, true)) return true;
  for (std::size_t at = text.find(';'); at != std::string::npos; at = text.find(';', at + 1)) {
    if (is_extension(text.substr(0, at), false) && are_extensions(text.substr(at + 1))) return true;
  }
  return false;
}

}  // namespace

ReferenceHead reference_request_head(const std::string& input, const HeadLimits& limits) {
  const std::size_t start = input.starts_with("\r\n") ? 2 : 0;
  const std::string head = input.substr(start);
  if (head.starts_with("\r\n")) return {Verdict::kRefused, 0, {}};
  const std::size_t end = head.find("\r\n\r\n");
  if (end == std::string::npos) return {Verdict::kIncomplete, 0, {}};
  ReferenceHead result;
  result.size = start + end + 4;
  const bool fits = result.size <= limits.bytes;
  const bool fine = fits && read_head(split(head.substr(0, end), "\r\n"), limits, result.request);
  result.verdict = fine ? Verdict::kAccepted : Verdict::kRefused;
  return result;
}

ReferenceBody reference_chunked_body(const std::string& input) {
  const ReferenceBody refused{Verdict::kRefused, 0, {}};
  const ReferenceBody incomplete{Verdict::kIncomplete, 0, {}};
  ReferenceBody result;
  std::size_t at = 0;
  while (true) {
    // chunk-size [ chunk-ext ] CRLF
    const std::size_t line_end = input.find("\r\n", at);
    if (line_end == std::string::npos) return incomplete;
    const std::string line = input.substr(at, line_end - at);
    const std::size_t semicolon = line.find(';');
    const std::string digits = line.substr(0, semicolon);
    if (digits.empty() || digits.size() > 15 || !contains_only(digits, "0123456789abcdefABCDEF"))
      return refused;
    if (semicolon != std::string::npos) {
      const std::string extension = line.substr(semicolon + 1);
      if (extension.size() > 256 || !is_field_text(extension) || !are_extensions(extension)) return refused;
    }
    at = line_end + 2;
    const std::size_t size = std::stoull(digits, nullptr, 16);
    if (size == 0) break;
    // chunk-data CRLF
    if (input.size() - at < size || input.size() - at - size < 2) return incomplete;
    result.data += input.substr(at, size);
    if (input.substr(at + size, 2) != "\r\n") return refused;
    at += size + 2;
  }
  // trailer-section CRLF
  const std::size_t trailers = at;
  while (true) {
    const std::size_t line_end = input.find("\r\n", at);
    if (line_end == std::string::npos) return incomplete;
    const std::string line = input.substr(at, line_end - at);
    at = line_end + 2;
    if (line.empty()) break;
    PlainFields dropped;
    if (!read_field_line(line, dropped) || at - trailers > 8192) return refused;
  }
  result.verdict = Verdict::kAccepted;
  result.size = at;
  return result;
}

}  // namespace claviger::http::testing
