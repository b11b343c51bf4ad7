// SPDX-License-Identifier: Apache-2.0
#pragma once

// Fields that several kinds of resources have. Internal to policy.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/document.h"
#include "base/ip.h"
#include "base/result.h"

namespace claviger::policy {

// A required or optional field that holds a resource's name (base::is_resource_name); "" when absent.
Result<std::string> required_name(base::ObjectReader& reader, std::string_view key);
Result<std::string> optional_name(base::ObjectReader& reader, std::string_view key);

// One of `words`; `fallback` when absent.
Result<std::string> one_of(base::ObjectReader& reader, std::string_view key,
                           std::vector<std::string_view> words, std::string_view fallback);

Result<std::optional<WallTime>> optional_time(base::ObjectReader& reader, std::string_view key);
Result<std::chrono::milliseconds> duration_or(base::ObjectReader& reader, std::string_view key,
                                              std::chrono::milliseconds fallback);

// A list of scalars, each read by `parse(std::string_view) -> Result<T>`; errors stand at the item's line.
template <class T, class Parse>
Result<std::vector<T>> list_of(const base::Document& node, std::string_view what, Parse parse) {
  if (node.type != base::Document::Type::kList) {
    return base::invalid_at(node.place, std::string(what) + " is a list");
  }
  std::vector<T> values;
  for (const base::Document& item : node.items) {
    const std::string text = CLV_TRY(base::read_string(item, what));
    Result<T> value = parse(std::string_view(text));
    if (!value.has_value()) {
      return base::invalid_at(item.place, std::string(what) + ": " + std::string(value.error().what()));
    }
    values.push_back(*std::move(value));
  }
  return values;
}

// The same for a field that may be absent.
template <class T, class Parse>
Result<std::vector<T>> optional_list(base::ObjectReader& reader, std::string_view key, Parse parse) {
  const base::Document* node = reader.find(key);
  if (node == nullptr) return std::vector<T>();
  return list_of<T>(*node, key, parse);
}

}  // namespace claviger::policy
