// SPDX-License-Identifier: Apache-2.0
#include "base/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "base/check.h"
#include "base/parse.h"

namespace claviger::base {
namespace {

// Levenshtein distance. The lengths are bounded by the caller.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t k = 0; k < b.size(); ++k) {
      const std::size_t changed = diagonal + (a[i] == b[k] ? 0 : 1);
      diagonal = std::exchange(row[k + 1], std::min({changed, row[k] + 1, row[k + 1] + 1}));
    }
  }
  return row.back();
}

// The known name that was probably meant, or nothing. A name of which most would have to change is no hint.
std::string_view nearest(std::string_view name, const std::vector<std::string>& known) {
  constexpr std::size_t kLongest = 64;
  std::string_view best;
  std::size_t best_distance = 3;
  if (name.size() > kLongest) return best;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance && distance * 2 <= std::max(name.size(), candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string_view type_name(Document::Type type) noexcept {
  switch (type) {
    case Document::Type::kNull:
      return "nothing";
    case Document::Type::kScalar:
      return "a scalar";
    case Document::Type::kList:
      return "a list";
    case Document::Type::kMap:
      return "a map";
  }
  return "something else";
}

Error wrong_type(const Document& node, std::string_view what, std::string_view wanted) {
  return invalid_at(node.place, fmt::format("{}: {} expected, found {}", what, wanted, type_name(node.type)));
}

}  // namespace

std::string format_place(const Place& place) {
  const std::string_view file = place.file ? std::string_view(*place.file) : std::string_view();
  if (place.line == 0) return std::string(file);
  return file.empty() ? fmt::format("line {}", place.line) : fmt::format("{}:{}", file, place.line);
}

std::string printable_name(std::string_view name) {
  constexpr std::size_t kShown = 64;
  std::string text(name.substr(0, kShown));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return name.size() > kShown ? text + "..." : text;
}

Error invalid_at(const Place& place, std::string_view what) {
  const std::string where = format_place(place);
  std::string text = where.empty() ? std::string(what) : fmt::format("{}: {}", where, what);
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(text));
}

Result<ObjectReader> ObjectReader::of(const Document& node, std::string what) {
  if (node.type != Document::Type::kMap) return wrong_type(node, what, "a map");
  return ObjectReader(&node, std::move(what));
}

const Document* ObjectReader::find(std::string_view key) {
  if (std::ranges::find(known_, key) == known_.end()) known_.emplace_back(key);
  for (const auto& [name, value] : node_->entries) {
    if (name == key) return value.type == Document::Type::kNull ? nullptr : &value;
  }
  return nullptr;
}

Result<const Document*> ObjectReader::required(std::string_view key) {
  const Document* const node = find(key);
  if (node == nullptr) return invalid_at(place(), fmt::format("{}: '{}' is missing", what_, key));
  return node;
}

Result<std::string> ObjectReader::required_string(std::string_view key) {
  const Document* const node = CLV_TRY(required(key));
  return read_string(*node, fmt::format("{}.{}", what_, key));
}

Result<std::optional<std::string>> ObjectReader::optional_string(std::string_view key) {
  const Document* const node = find(key);
  if (node == nullptr) return std::optional<std::string>();
  return std::optional<std::string>(CLV_TRY(read_string(*node, fmt::format("{}.{}", what_, key))));
}

Result<bool> ObjectReader::boolean_or(std::string_view key, bool fallback) {
  const Document* const node = find(key);
  return node == nullptr ? Result<bool>(fallback) : read_boolean(*node, fmt::format("{}.{}", what_, key));
}

Result<std::uint64_t> ObjectReader::number_or(std::string_view key, std::uint64_t fallback, std::uint64_t min,
                                              std::uint64_t max) {
  const Document* const node = find(key);
  if (node == nullptr) return fallback;
  return read_number(*node, fmt::format("{}.{}", what_, key), min, max);
}

Result<std::vector<std::string>> ObjectReader::strings_or_empty(std::string_view key) {
  std::vector<std::string> strings;
  const Document* const node = find(key);
  if (node == nullptr) return strings;
  const std::string what = fmt::format("{}.{}", what_, key);
  if (node->type != Document::Type::kList) return wrong_type(*node, what, "a list");
  for (const Document& item : node->items) strings.push_back(CLV_TRY(read_string(item, what)));
  return strings;
}

Result<void> ObjectReader::finish() const {
  for (const auto& [name, value] : node_->entries) {
    if (std::ranges::find(known_, name) != known_.end()) continue;
    const std::string_view meant = nearest(name, known_);
    const std::string hint = meant.empty() ? std::string() : fmt::format("; did you mean '{}'?", meant);
    return invalid_at(value.place, fmt::format("{}: unknown key '{}'{}", what_, printable_name(name), hint));
  }
  return ok();
}

Result<std::string> read_string(const Document& node, std::string_view what) {
  if (node.type != Document::Type::kScalar) return wrong_type(node, what, "a string");
  return node.scalar;
}

Result<bool> read_boolean(const Document& node, std::string_view what) {
  if (node.type != Document::Type::kScalar || node.quoted ||
      (node.scalar != "true" && node.scalar != "false")) {
    return invalid_at(node.place, fmt::format("{}: true or false expected", what));
  }
  return node.scalar == "true";
}

Result<std::uint64_t> read_number(const Document& node, std::string_view what, std::uint64_t min,
                                  std::uint64_t max) {
  CLV_CHECK(min <= max);
  if (node.type != Document::Type::kScalar || node.quoted) {
    return invalid_at(node.place, fmt::format("{}: a number expected", what));
  }
  const Result<std::uint64_t> number = parse_decimal(node.scalar, max);
  if (!number.has_value() || *number < min) {
    return invalid_at(node.place, fmt::format("{}: a number from {} to {} expected", what, min, max));
  }
  return *number;
}

}  // namespace claviger::base
