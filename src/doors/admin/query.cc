// SPDX-License-Identifier: Apache-2.0
#include "doors/admin/query.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/document.h"
#include "base/parse.h"

namespace claviger::doors::admin {
namespace {

constexpr std::size_t kMostParameters = 16;

Error refuse(std::string what) {
  return Error::formatted(Code::kBadRequest, Blame::kCaller, std::move(what));
}

Result<std::string> decode(std::string_view name, std::string_view text) {
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::byte octet = static_cast<std::byte>(text[i]);
    if (text[i] == '+')
      return refuse(fmt::format("query parameter '{}': write %2B for a plus, %20 for a space", name));
    if (text[i] == '%') {
      if (!base::parse_hex(text.substr(i + 1, 2), {&octet, 1}).has_value())
        return refuse(fmt::format("query parameter '{}': '%' that is not followed by two hex digits", name));
      i += 2;
    }
    value += static_cast<char>(octet);
  }
  const bool has_control =
      std::ranges::any_of(value, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
  if (has_control || !base::is_utf8(value))
    return refuse(fmt::format("query parameter '{}' is not UTF-8, or holds control characters", name));
  return value;
}

}  // namespace

Result<Query> Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t equals = pair.find('=');
    const std::string name = base::printable_name(pair.substr(0, equals));
    if (name.empty() || equals == std::string_view::npos)
      return refuse("the query is not of the form name=value&name=value");
    if (query.parameters_.size() == kMostParameters) return refuse("the query has too many parameters");
    if (std::ranges::find(query.parameters_, name, &Parameter::name) != query.parameters_.end())
      return refuse(fmt::format("query parameter '{}' is there twice", name));
    query.parameters_.push_back({name, CLV_TRY(decode(name, pair.substr(equals + 1)))});
  }
  return query;
}

std::optional<std::string> Query::take(std::string_view name) {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  if (found == parameters_.end()) return std::nullopt;
  std::string value = std::move(found->value);
  parameters_.erase(found);
  return value;
}

Result<std::string> Query::take_required(std::string_view name) {
  auto value = take(name);
  if (!value || value->empty()) return refuse(fmt::format("query parameter '{}' is missing", name));
  return *std::move(value);
}

Result<std::optional<std::uint64_t>> Query::take_number(std::string_view name, std::uint64_t min,
                                                        std::uint64_t max) {
  const auto text = take(name);
  if (!text) return std::optional<std::uint64_t>();
  const auto number = base::parse_decimal(*text, max);
  if (!number.has_value() || *number < min)
    return refuse(fmt::format("query parameter '{}' is a number from {} to {}", name, min, max));
  return std::optional(*number);
}

Result<bool> Query::take_flag(std::string_view name) {
  const auto text = take(name);
  if (text && *text != "true" && *text != "false")
    return refuse(fmt::format("query parameter '{}' is true or false", name));
  return text == "true";
}

Result<void> Query::finish() const {
  if (parameters_.empty()) return ok();
  return refuse(fmt::format("unknown query parameter '{}'", parameters_.front().name));
}

}  // namespace claviger::doors::admin
