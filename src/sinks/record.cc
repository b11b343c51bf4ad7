// SPDX-License-Identifier: Apache-2.0
#include "sinks/record.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/parse.h"

namespace claviger::sinks {
namespace {

// Of events that the gateway wrote, both stand within the first few members; and what others can write stands in strings, in
// which a quote is escaped.
constexpr std::size_t kLookedAt = 256;

std::string_view member(std::string_view line, std::string_view opening) noexcept {
  const std::string_view front = line.substr(0, kLookedAt);
  const std::size_t at = front.find(opening);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + opening.size();
  const std::size_t end = front.find('"', begin);
  return end == std::string_view::npos ? std::string_view() : front.substr(begin, end - begin);
}

}  // namespace

std::string event_id(std::string_view origin, std::uint64_t number) {
  return fmt::format("{}/{}", origin, number);
}

std::string checkpoint_id(std::string_view origin, std::uint64_t size) {
  return fmt::format("{}/checkpoint/{}", origin, size);
}

void append_event(std::string& out, std::string_view origin, std::uint64_t number, std::string_view line) {
  out += R"({"id":)";
  base::append_json_string(out, event_id(origin, number));
  out += ',';
  out += line.substr(1);
}

void append_checkpoint(std::string& out, std::string_view origin, const audit::SignedCheckpoint& checkpoint) {
  out += R"({"id":)";
  base::append_json_string(out, checkpoint_id(origin, checkpoint.size));
  out += fmt::format(R"(,"v":1,"type":"checkpoint","size":{},"note":)", checkpoint.size);
  base::append_json_string(out, checkpoint.note);
  out += '}';
}

std::string_view time_of(std::string_view line) noexcept { return member(line, R"(,"time":")"); }
std::string_view type_of(std::string_view line) noexcept { return member(line, R"(,"type":")"); }

std::optional<WallTime> wall_time_of(std::string_view line) noexcept {
  const auto time = base::parse_rfc3339(time_of(line));
  return time.has_value() ? std::optional(*time) : std::nullopt;
}

}  // namespace claviger::sinks
