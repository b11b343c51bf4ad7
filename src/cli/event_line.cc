// SPDX-License-Identifier: Apache-2.0
#include "cli/event_line.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/json.h"
#include "cli/document_fields.h"
#include "cli/printable.h"

namespace claviger::cli {
namespace {

using base::Document;

// Said at the beginning of the line, or to nobody.
constexpr std::array<std::string_view, 4> kLead = {"v", "time", "type", "outbox"};
constexpr std::array<std::string_view, 4> kOfCall = {"principal", "method", "path", "status"};

bool is_among(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

std::string value_of(const Document& value) {
  std::string json;
  base::append_json(json, value);
  const bool is_bare = value.type == Document::Type::kScalar && !value.scalar.empty() &&
                       value.scalar.find_first_of(" \"=\\") == std::string::npos;
  return printable(is_bare ? std::string_view(value.scalar) : std::string_view(json));
}

std::string word(const Document& event, std::string_view name) {
  const std::string_view text = text_member(event, name);
  return text.empty() ? "-" : printable(text);
}

}  // namespace

std::string format_event(std::string_view line) {
  const auto event = base::parse_json(line, "");
  if (!event.has_value() || event->type != Document::Type::kMap) return printable(line);
  const bool is_call =
      text_member(*event, "type").starts_with("call.") && member(*event, "method") != nullptr;
  std::string out = word(*event, "time") + "  " + word(*event, "type");
  if (is_call) {
    out += "  " + word(*event, "principal") + " " + word(*event, "method") + " " + word(*event, "path");
    if (member(*event, "status") != nullptr) out += " -> " + word(*event, "status");
  }
  std::string rest;
  for (const auto& [name, value] : event->entries) {
    if (is_among(name, kLead) || (is_call && is_among(name, kOfCall))) continue;
    rest += (rest.empty() ? "  " : " ") + printable(name) + "=" + value_of(value);
  }
  return out + rest;
}

}  // namespace claviger::cli
