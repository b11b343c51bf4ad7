// SPDX-License-Identifier: Apache-2.0
#include "sinks/record.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/parse.h"

namespace claviger::sinks {
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

}  // namespace claviger::sinks
