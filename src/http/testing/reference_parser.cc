// SPDX-License-Identifier: Apache-2.0
#include "http/testing/reference_parser.h"

#include <arpa/inet.h>

#include <cctype>
#include <optional>
#include <string>
#include <vector>

namespace claviger::http::testing {
namespace {

using Lines = std::vector<std::string>;

bool contains_only(const std::string& text, const std::string& allowed) {
  return text.find_first_not_of(allowed) == std::string::npos;
}

const std::string kDigits = "0123456789";
const std::string kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const std::string kTchars = "!#$%&'*+-.^_`|~" + kDigits + kLetters;

bool is_token(const std::string& text) { return !text.empty() && contains_only(text, kTchars); }

// field-vchar / SP / HTAB, obs-text included.
bool is_field_text(const std::string& text) {
  for (const char c : text) {
    const int octet = static_cast<unsigned char>(c);
    const bool fine = octet == '\t' || octet == ' ' || (octet >= 0x21 && octet <= 0x7E) || octet >= 0x80;
    if (!fine) return false;
  }
  return true;
}

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string lower(const std::string& text) {
  std::string result;
  for (const char c : text) {
    result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (true) {
    const std::size_t found = text.find(separator, start);
    if (found == std::string::npos) break;
    parts.push_back(text.substr(start, found - start));
    start = found + separator.size();
  }
  parts.push_back(text.substr(start));
  return parts;
}

// Content-Length = 1*DIGIT, here without leading zeros and at most 2^63-1.
std::optional<std::uint64_t> read_length(const std::string& text) {
  if (text.empty() || !contains_only(text, kDigits)) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  const std::string most = "9223372036854775807";
  if (text.size() > most.size() || (text.size() == most.size() && text > most)) return std::nullopt;
  return std::stoull(text);
}

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

bool read_field_line(const std::string& line, PlainRequest& out) {
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos) return false;
  if (!is_token(line.substr(0, colon)) || !is_field_text(line.substr(colon + 1))) return false;
  out.fields.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
  return true;
}

std::vector<std::string> values_of(const PlainRequest& request, const std::string& name) {
  std::vector<std::string> values;
  for (const auto& [field_name, value] : request.fields) {
    if (lower(field_name) == name) values.push_back(value);
  }
  return values;
}

bool read_connection(PlainRequest& out) {
  bool close = false;
  bool keep_alive = false;
  for (const std::string& value : values_of(out, "connection")) {
    for (const std::string& element : split(value, ",")) {
      const std::string option = lower(trim(element));
      if (option.empty()) continue;
      if (!is_token(option)) return false;
      if (option == "content-length" || option == "transfer-encoding" || option == "host") return false;
      close = close || option == "close";
      keep_alive = keep_alive || option == "keep-alive";
    }
  }
  out.keep_alive = !close && (out.minor == 1 || keep_alive);
  return true;
}

bool read_framing(PlainRequest& out) {
  const std::vector<std::string> lengths = values_of(out, "content-length");
  const std::vector<std::string> codings = values_of(out, "transfer-encoding");
  if (lengths.size() + codings.size() > 1) return false;
  if (!lengths.empty()) {
    const std::optional<std::uint64_t> length = read_length(lengths[0]);
    if (!length) return false;
    out.framing = Framing::kLength;
    out.content_length = *length;
  }
  if (!codings.empty()) {
    if (lower(codings[0]) != "chunked" || out.minor == 0) return false;
    out.framing = Framing::kChunked;
  }
  for (const std::string& expectation : values_of(out, "expect")) {
    if (lower(expectation) != "100-continue") return false;
    const bool has_body = out.framing == Framing::kChunked || out.content_length > 0;
    out.expects_continue = has_body && out.minor == 1;
  }
  return true;
}

bool read_host(const std::string& authority, PlainRequest& out) {
  const std::vector<std::string> hosts = values_of(out, "host");
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
    if (!read_field_line(lines[i], out)) return false;
  }
  return read_framing(out) && read_connection(out) && read_host(authority, out);
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
      if (extension.size() > 256 || !is_field_text(extension)) return refused;
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
    PlainRequest ignored;
    if (!read_field_line(line, ignored) || at - trailers > 8192) return refused;
  }
  result.verdict = Verdict::kAccepted;
  result.size = at;
  return result;
}

}  // namespace claviger::http::testing
