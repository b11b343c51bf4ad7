// SPDX-License-Identifier: Apache-2.0
#include "audit/member.h"

#include <cstddef>

namespace claviger::audit {
namespace {

// Behind the string that begins at `at`; npos when it does not end.
std::size_t behind_string(std::string_view text, std::size_t at) noexcept {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') ++at;
    else if (text[at] == '"') return at + 1;
  }
  return std::string_view::npos;
}

// Behind the value that begins at `at`: at the comma or brace that follows it.
std::size_t behind_value(std::string_view text, std::size_t at) noexcept {
  for (std::size_t depth = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = behind_string(text, at);
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}')) return at;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return std::string_view::npos;
}

}  // namespace

std::string_view find_member(std::string_view line, std::string_view name) noexcept {
  std::size_t at = 1;  // behind the brace, and then behind each comma
  if (line.empty() || line[0] != '{') return {};
  while (at < line.size() && line[at] == '"') {
    const std::size_t colon = behind_string(line, at);
    if (colon >= line.size() || line[colon] != ':') return {};
    const std::size_t end = behind_value(line, colon + 1);
    if (end >= line.size()) return {};
    if (line.substr(at + 1, colon - at - 2) == name) return line.substr(colon + 1, end - colon - 1);
    at = end + 1;
  }
  return {};
}

}  // namespace claviger::audit
