// SPDX-License-Identifier: Apache-2.0
#include "policy/certificate_name.h"

#include <algorithm>

namespace claviger::policy {
namespace {

constexpr std::size_t kLongest = 512;  // as in certificates themselves

bool is_visible(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}
bool has_capitals(std::string_view text) noexcept {
  return std::ranges::any_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}
bool is_hex(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

template <std::size_t kSize>
Error wrong(const char (&what)[kSize]) {
  return {Code::kInvalid, Blame::kOperator, what};
}

Result<void> check_dns(std::string_view host) {
  if (host.find('*') != std::string_view::npos)
    return wrong("names are compared as they are: write each out, without '*'");
  if (has_capitals(host)) return wrong("write the host of a dns: name in lower case");
  return ok();
}

Result<void> check_email(std::string_view address) {
  const std::size_t at = address.rfind('@');
  if (at == 0 || at == std::string_view::npos || at + 1 == address.size())
    return wrong("an email: name is email:<mailbox>@<host>");
  if (has_capitals(address.substr(at))) return wrong("write the host of an email: name in lower case");
  return ok();
}

Result<void> check_uri(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  if (colon == 0 || colon == std::string_view::npos)
    return wrong("a uri: name is a whole URI, such as uri:spiffe://example.org/service");
  return ok();
}

Result<void> check_digest(std::string_view digest) {
  if (digest.size() != 64 || !is_hex(digest))
    return wrong("a sha256: name has 64 hex digits in lower case: the digest of the certificate's DER");
  return ok();
}

}  // namespace

Result<std::string> parse_certificate_name(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (colon == std::string_view::npos ||
      (kind != "dns" && kind != "uri" && kind != "email" && kind != "sha256"))
    return wrong("a name in a certificate begins with dns:, uri:, email: or sha256:");
  const std::string_view value = text.substr(colon + 1);
  if (value.empty() || value.size() > kLongest || !is_visible(value))
    return wrong("a name in a certificate is 1 to 512 visible characters behind its kind");
  if (kind == "dns") CLV_TRY_VOID(check_dns(value));
  if (kind == "email") CLV_TRY_VOID(check_email(value));
  if (kind == "uri") CLV_TRY_VOID(check_uri(value));
  if (kind == "sha256") CLV_TRY_VOID(check_digest(value));
  return std::string(text);
}

}  // namespace claviger::policy
