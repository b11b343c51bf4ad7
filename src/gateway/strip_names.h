// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace claviger::gateway {

// Upstreams behind CGI, WSGI and the like read `X_API_Key` as `X-API-Key`: for stripping, names are
// compared with '_' folded into '-' and case ignored.
constexpr char fold_name_byte(char c) noexcept {
  if (c == '_') return '-';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string fold_name(std::string_view name) {
  std::string folded(name);
  for (char& c : folded) c = fold_name_byte(c);
  return folded;
}

// `folded` is fold_name() of something.
constexpr bool equals_folded(std::string_view name, std::string_view folded) noexcept {
  if (name.size() != folded.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i)
    if (fold_name_byte(name[i]) != folded[i]) return false;
  return true;
}

}  // namespace claviger::gateway
