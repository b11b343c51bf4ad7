// SPDX-License-Identifier: Apache-2.0
// A pattern and a canonical path, one line each: what is shown is what a plain reading of both says.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/parse.h"
#include "fuzz_check.h"
#include "http/path.h"
#include "policy/record_rules.h"

using claviger::fuzz::expect;

namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

std::string join(const std::vector<std::string>& segments, std::size_t count) {
  std::string path;
  for (std::size_t i = 0; i < count; ++i) path += "/" + segments[i];
  return path;
}

std::string plainly(std::string_view pattern, std::string_view path) {
  const std::vector<std::string> wanted = split(pattern);
  std::vector<std::string> segments = split(path);
  std::size_t end = segments.size();
  bool matches = true;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string segment = segments[i];
    if (segment.find("%2F") != std::string::npos) return join(segments, i) + "/*";
    if (!matches || i >= wanted.size() || wanted[i] == "*") continue;
    const std::size_t mark = std::min(wanted[i].find('{'), wanted[i].size());
    const std::string literal = wanted[i].substr(0, mark);
    const bool is_marked = mark < wanted[i].size();
    const std::string_view compared = std::string_view(segment).substr(0, is_marked ? mark : segment.size());
    matches = claviger::base::equals_ignore_case(compared, literal);
    if (!matches || !is_marked) continue;
    const bool hides_rest = wanted[i].ends_with("{**}");
    const bool hides_any = segment.size() > mark || (hides_rest && i + 1 < segments.size());
    segments[i] = segment.substr(0, mark) + (hides_any ? "*" : "");
    if (hides_rest) return join(segments, i + 1);
  }
  return join(segments, end);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  if (line == std::string_view::npos || size > 2048) return 0;
  const std::string_view pattern = input.substr(0, line);
  const std::string_view path = input.substr(line + 1);
  if (!claviger::http::check_canonical_path(path).has_value()) return 0;
  std::string json = R"({"hide_path":[)";
  claviger::base::append_json_string(json, pattern);
  const auto document = claviger::base::parse_json(json + "]}", "fuzz", 100);
  if (!document.has_value()) return 0;
  const auto rules = claviger::policy::RecordRules::read(*document);
  if (!rules.has_value()) return 0;
  std::string shown(2 * size + 16, '?');
  shown.resize(rules->write_path(path, shown));
  expect(shown == plainly(pattern, path), "what is shown is what a plain reading says");
  return 0;
}
