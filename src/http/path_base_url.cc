// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/ip.h"
#include "base/parse.h"
#include "http/octets.h"
#include "http/path.h"

namespace claviger::http {
namespace {

// No message repeats the URL: it may hold a secret (a webhook's path, user information).
template <std::size_t N>
[[gnu::cold]] Error refuse(const char (&what)[N]) noexcept {
  return Error(Code::kInvalid, Blame::kOperator, what);
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return lower;
}

bool is_label(std::string_view label) noexcept {
  const auto is_ldh = [](char c) { return is_octet(c, kIsHost) && c != '.' && c != '_'; };
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, is_ldh);
}

// Whether some resolvers would read it as an IPv4 address in a short, octal or hex form ("127.1", "0x7f.1").
bool is_number_like(std::string_view label) noexcept {
  if (is_all(label, kIsDigit)) return true;
  return label.starts_with("0x") &&
         std::ranges::all_of(label.substr(2), [](char c) { return hex_value(c) < 16; });
}

Result<void> read_address(std::string_view text, BaseUrl& out) {
  const auto address = base::parse_ip(text);
  if (!address.has_value()) return refuse("base URL: the host is no valid IP address");
  out.host = base::format_ip(*address);
  out.host_is_ip = true;
  out.authority = address->v6 ? "[" + out.host + "]" : out.host;
  return ok();
}

Result<void> read_name(std::string_view text, BaseUrl& out) {
  const std::string name = to_lower(text);
  std::string_view rest = name;
  std::string_view label;
  if (name.size() > 253) return refuse("base URL: the host name is too long");
  while (true) {
    const std::size_t dot = rest.find('.');
    label = rest.substr(0, dot);
    if (!is_label(label)) return refuse("base URL: the host is not made of letters, digits, '-' and '.'");
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (is_number_like(label)) return read_address(name, out);
  out.host = name;
  out.authority = name;
  return ok();
}

Result<void> read_port(std::string_view text, BaseUrl& out) {
  const auto port = base::parse_decimal(text, 65535);
  if (!port.has_value() || *port == 0) return refuse("base URL: the port is not a number from 1 to 65535");
  out.port = static_cast<unsigned>(*port);
  return ok();
}

Result<void> read_path(std::string_view path, BaseUrl& out) {
  if (path.empty()) return ok();
  if (!check_canonical_path(path).has_value()) return refuse("base URL: the path is not in canonical form");
  if (path.ends_with('/')) path.remove_suffix(1);
  out.path = path;
  return ok();
}

// host [ ":" port ]
Result<void> read_authority(std::string_view authority, BaseUrl& out) {
  if (authority.contains('@')) return refuse("base URL: it has user information");
  const bool bracketed = authority.starts_with('[');
  const std::size_t bracket = bracketed ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) return refuse("base URL: the host is no valid IP address");
  const std::size_t colon = authority.find(':', bracket);
  const std::string_view host = authority.substr(0, colon);
  if (bracketed) {
    if (host.back() != ']' || !host.contains(':')) return refuse("base URL: the host is no valid IP address");
    CLV_TRY_VOID(read_address(host.substr(1, host.size() - 2), out));
  } else {
    CLV_TRY_VOID(read_name(host, out));
  }
  const unsigned default_port = out.tls ? 443 : 80;
  out.port = default_port;
  if (colon != std::string_view::npos) CLV_TRY_VOID(read_port(authority.substr(colon + 1), out));
  if (out.port != default_port) out.authority += ":" + std::to_string(out.port);
  return ok();
}

}  // namespace

Result<BaseUrl> parse_base_url(std::string_view text) {
  const std::size_t scheme_end = text.find("://");
  const std::string scheme = to_lower(text.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end));
  if (scheme != "https" && scheme != "http")
    return refuse("base URL: it begins with neither https:// nor http://");
  const std::string_view rest = text.substr(scheme_end + 3);
  if (rest.contains('?')) return refuse("base URL: it has a query");
  if (rest.contains('#')) return refuse("base URL: it has a fragment");

  BaseUrl url;
  url.tls = scheme == "https";
  const std::size_t path_start = std::min(rest.find('/'), rest.size());
  CLV_TRY_VOID(read_authority(rest.substr(0, path_start), url));
  CLV_TRY_VOID(read_path(rest.substr(path_start), url));
  return url;
}

}  // namespace claviger::http
