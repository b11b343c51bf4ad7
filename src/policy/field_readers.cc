// SPDX-License-Identifier: Apache-2.0
#include "policy/field_readers.h"

#include "base/parse.h"

namespace claviger::policy {
namespace {

constexpr std::chrono::milliseconds kShortest{1};
constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24);

Result<std::string> check_name(const base::Place& place, std::string_view key, std::string name) {
  if (base::is_resource_name(name)) return name;
  return base::invalid_at(place, std::string(key) +
                                     " is 1 to 64 of a-z, 0-9, '-', '_' and '.', and begins with "
                                     "a letter or digit");
}

}  // namespace

Result<std::string> required_name(base::ObjectReader& reader, std::string_view key) {
  std::string name = CLV_TRY(reader.required_string(key));
  const base::Document* node = reader.find(key);
  return check_name(node == nullptr ? reader.place() : node->place, key, std::move(name));
}

Result<std::string> optional_name(base::ObjectReader& reader, std::string_view key) {
  if (reader.find(key) == nullptr) return std::string();
  return required_name(reader, key);
}

Result<std::string> one_of(base::ObjectReader& reader, std::string_view key,
                           std::vector<std::string_view> words, std::string_view fallback) {
  const base::Document* node = reader.find(key);
  if (node == nullptr) return std::string(fallback);
  std::string value = CLV_TRY(base::read_string(*node, key));
  std::string list;
  for (const std::string_view word : words) {
    if (value == word) return value;
    list.append(list.empty() ? "" : ", ").append(word);
  }
  return base::invalid_at(node->place, std::string(key) + " is one of: " + list);
}

Result<std::optional<WallTime>> optional_time(base::ObjectReader& reader, std::string_view key) {
  const base::Document* node = reader.find(key);
  if (node == nullptr) return std::optional<WallTime>();
  const std::string text = CLV_TRY(base::read_string(*node, key));
  const Result<WallTime> time = base::parse_rfc3339(text);
  if (!time.has_value())
    return base::invalid_at(node->place, std::string(key) + ": " + std::string(time.error().what()));
  return std::optional(*time);
}

Result<std::chrono::milliseconds> duration_or(base::ObjectReader& reader, std::string_view key,
                                              std::chrono::milliseconds fallback) {
  const base::Document* node = reader.find(key);
  if (node == nullptr) return fallback;
  const std::string text = CLV_TRY(base::read_string(*node, key));
  const Result<std::chrono::milliseconds> duration = base::parse_duration(text);
  if (!duration.has_value()) {
    return base::invalid_at(node->place, std::string(key) + ": " + std::string(duration.error().what()));
  }
  if (*duration < kShortest || *duration > kLongest) {
    return base::invalid_at(node->place, std::string(key) + " is between 1ms and 24h");
  }
  return *duration;
}

}  // namespace claviger::policy
