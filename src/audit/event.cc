// SPDX-License-Identifier: Apache-2.0
#include "audit/event.h"

#include <array>

#include "base/parse.h"
#include "telemetry/access_line.h"
#include "telemetry/json_escape.h"

namespace claviger::audit {
namespace {

constexpr std::size_t kMaxValue = 1024;
// What fields with a value leave free, for the marks of those that were left out.
constexpr std::size_t kForMarks = 512;
constexpr std::size_t kMaxText = Lane::kMaxEvent - 1;

std::string quoted(std::string_view value) {
  std::string text = "\"";
  while (!value.empty()) {
    const telemetry::JsonUnit unit = telemetry::next_json_unit(value);
    if (text.size() + unit.size > kMaxValue) break;
    text.append(unit.text.data(), unit.size);
    value.remove_prefix(unit.taken);
  }
  return text + "\"";
}

}  // namespace

Event::Event(WallTime time, std::string_view type)
    : text_(R"({"v":1,"time":")" + base::format_rfc3339(time) + R"(","type":)" + quoted(type)) {}

Event& Event::add(std::string_view name, std::string_view value) & {
  return value.empty() ? *this : add_json(name, quoted(value));
}

Event& Event::add(std::string_view name, std::uint64_t value) & {
  return add_json(name, std::to_string(value));
}

Event& Event::add_json(std::string_view name, std::string_view json) & {
  const auto append = [&](std::string_view suffix, std::string_view value, std::size_t most) {
    if (text_.size() + name.size() + suffix.size() + value.size() + sizeof(R"(,"":)") - 1 > most)
      return false;
    text_.append(",\"").append(name).append(suffix).append("\":").append(value);
    return true;
  };
  if (!append("", json, kMaxText - kForMarks)) append("_cut", "true", kMaxText);
  return *this;
}

std::string Event::text() && { return std::move(text_.append("}")); }

}  // namespace claviger::audit
