// SPDX-License-Identifier: Apache-2.0
#include "audit/log_place.h"

#include <fmt/format.h>

#include "base/parse.h"

namespace claviger::audit {

std::string LogPlace::text() const { return fmt::format("{}:{}:{}", event, segment, offset); }

Result<LogPlace> parse_log_place(std::string_view text) {
  const std::size_t first = text.find(':');
  const std::size_t second = first == std::string_view::npos ? first : text.find(':', first + 1);
  const auto wrong = [] {
    return Error(Code::kInvalid, Blame::kCaller, "a place in the audit log is <event>:<segment>:<offset>");
  };
  if (second == std::string_view::npos) return wrong();
  const auto event = base::parse_decimal(text.substr(0, first));
  const auto segment = base::parse_decimal(text.substr(first + 1, second - first - 1));
  const auto offset = base::parse_decimal(text.substr(second + 1));
  if (!event.has_value() || !segment.has_value() || !offset.has_value()) return wrong();
  // A segment begins with its first event, and every line takes bytes.
  if (*event < *segment || (*event == *segment) != (*offset == 0)) return wrong();
  return LogPlace{*event, *segment, *offset};
}

}  // namespace claviger::audit
