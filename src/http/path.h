// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace claviger::http {

// What a canonical path holds that policy must know of.
struct PathTraits {
  bool has_encoded_slash = false;  // %2F somewhere
};

// Whether there is exactly one reading of a path, RFC 3986 section 6.2.2 as a rule instead of an
// algorithm: what is not already canonical is refused, never rewritten, so that the bytes that policy
// matches are the bytes that are sent. Refused (kBadRequest, with the reason):
//   not beginning with '/'; empty segments ("//"); "." and ".." segments, also percent-encoded, also with
//   path parameters ("..;x"); backslashes, raw or encoded; bytes that must be percent-encoded;
//   malformed or lower-case percent-encoding; encoded unreserved characters ("%41"); encoded control
//   characters; "%25" followed by two hex digits (a second layer of encoding); octets that are not UTF-8
//   when decoded.
// A trailing slash is fine. %2F is reported, for the upstream's `encoded_slash` to decide.
Result<PathTraits> check_canonical_path(std::string_view path) noexcept;

// A URL's parts, for base URLs in resources: "https://api.example.com:8443/v1".
struct BaseUrl {
  bool tls = true;       // https
  std::string host;      // lower case, no brackets; a name or an IP literal
  bool host_is_ip = false;
  unsigned port = 443;
  std::string path;      // canonical, without trailing slash; "" for the root
  std::string authority; // as it goes into Host: with brackets, and with the port unless it is the default
};

// http or https, no user info, no query, no fragment, a host of letters, digits, '-', '.' (or an IP literal).
// kInvalid, blame operator.
Result<BaseUrl> parse_base_url(std::string_view text);

// Whether `name` (as a caller wrote it, percent-encoded or with '+') is the query parameter `wanted`,
// once decoded, ignoring ASCII case.
bool is_query_parameter(std::string_view name, std::string_view wanted) noexcept;

}  // namespace claviger::http
