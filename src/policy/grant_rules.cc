// SPDX-License-Identifier: Apache-2.0
#include "policy/grant_rules.h"

#include <algorithm>

#include "base/parse.h"

namespace claviger::policy {

bool is_never_granted(http::Method method, std::string_view text) noexcept {
  if (method == http::Method::kTrace || method == http::Method::kConnect) return true;
  if (method != http::Method::kOther) return false;
  return base::equals_ignore_case(text, "TRACE") || base::equals_ignore_case(text, "TRACK") ||
         base::equals_ignore_case(text, "DEBUG") || base::equals_ignore_case(text, "CONNECT");
}

void give_methods(const std::vector<std::string>& methods, Grant& grant) {
  grant.gives_other_methods = methods.empty();
  if (methods.empty()) grant.known_methods = kGivenMethods;
  for (const std::string& text : methods) {
    const http::Method method = http::method_of(text);
    if (method == http::Method::kOther) grant.other_methods.push_back(text);
    grant.known_methods |= method_bit(method) & kGivenMethods;
  }
}

bool gives_method(const Grant& grant, http::Method method, std::string_view text) noexcept {
  if (is_never_granted(method, text)) return false;
  if (method != http::Method::kOther) return (grant.known_methods & method_bit(method)) != 0;
  return grant.gives_other_methods ||
         std::ranges::find(grant.other_methods, text) != grant.other_methods.end();
}

bool gives_path(const Grant& grant, std::string_view path) noexcept {
  return grant.paths.empty() ||
         std::ranges::any_of(grant.paths, [&](const Glob& glob) { return glob.matches(path); });
}

bool has_expired(const Grant& grant, WallTime now) noexcept {
  return grant.expires.has_value() && now >= *grant.expires;
}

}  // namespace claviger::policy
