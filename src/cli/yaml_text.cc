// SPDX-License-Identifier: Apache-2.0
#include "cli/yaml_text.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/json.h"
#include "base/parse.h"
#include "cli/printable.h"

namespace claviger::cli {
namespace {

using base::Document;

constexpr std::size_t kShortLine = 100;

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Words that some reader of YAML takes for something else than a string.
bool is_reserved_word(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 11> kWords = {"true", "false", "yes", "no",  "on", "off",
                                                       "null", "y",     "n",   "nan", "inf"};
  return std::ranges::any_of(kWords,
                             [&](std::string_view word) { return base::equals_ignore_case(text, word); });
}

// A string that stands for itself in block and flow context alike.
bool is_plain(std::string_view text) noexcept {
  if (text.empty() || text.size() > 200 || !(is_letter(text.front()) || text.front() == '/')) return false;
  return !is_reserved_word(text) && std::ranges::all_of(text, [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || std::string_view("/._-+").contains(c);
  });
}

// JSON's double-quoted strings are YAML's.
void append_string(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out += text;
    return;
  }
  std::string json;
  base::append_json_string(json, text);
  out += printable_json(json);
}

void append_scalar(std::string& out, const Document& node) {
  if (node.type == Document::Type::kNull) out += "null";
  else if (node.quoted) append_string(out, node.scalar);
  else out += node.scalar;  // a number, true or false
}

bool is_leaf(const Document& node) noexcept {
  return node.type == Document::Type::kScalar || node.type == Document::Type::kNull;
}

// "[GET, POST]", "{ kind: bearer }"; empty when it holds more than leaves or is too long to read.
std::string flow_of(const Document& node) {
  std::string out;
  if (node.type == Document::Type::kList) {
    if (!std::ranges::all_of(node.items, is_leaf)) return {};
    for (const Document& item : node.items) append_scalar(out += out.empty() ? "" : ", ", item);
    out = "[" + out + "]";
  } else {
    if (!std::ranges::all_of(node.entries, [](const auto& entry) { return is_leaf(entry.second); }))
      return {};
    for (const auto& [key, value] : node.entries) {
      append_string(out += out.empty() ? "" : ", ", key);
      append_scalar(out += ": ", value);
    }
    out = out.empty() ? "{}" : "{ " + out + " }";
  }
  return out.size() <= kShortLine ? out : std::string();
}

void append_map(std::string& out, const Document& map, std::size_t indent);

// What stands behind "key:" or "-".
void append_value(std::string& out, const Document& node, std::size_t indent) {
  if (is_leaf(node)) {
    append_scalar(out += ' ', node);
    out += '\n';
    return;
  }
  if (const std::string flow = flow_of(node); !flow.empty()) {
    out += ' ' + flow + '\n';
    return;
  }
  out += '\n';
  if (node.type == Document::Type::kMap) return append_map(out, node, indent);
  for (const Document& item : node.items) {
    out.append(indent, ' ') += '-';
    append_value(out, item, indent + 2);
  }
}

void append_map(std::string& out, const Document& map, std::size_t indent) {
  for (const auto& [key, value] : map.entries) {
    out.append(indent, ' ');
    append_string(out, key);
    out += ':';
    append_value(out, value, indent + 2);
  }
}

}  // namespace

void append_yaml(std::string& out, const base::Document& node) {
  if (node.entries.empty()) out += "{}\n";
  else append_map(out, node, 0);
}

}  // namespace claviger::cli
