// SPDX-License-Identifier: Apache-2.0
// The scanner of events' fields: what it finds in a line is what a JSON parser finds there; and whatever finds lines finds just
// those whose fields match.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event_fields.h"
#include "audit/filter.h"
#include "base/json.h"
#include "fuzz_check.h"

using claviger::audit::EventFields;
using claviger::audit::Field;
using claviger::fuzz::expect;

namespace {

void compare_with_parser(std::string_view line, const EventFields& fields) {
  const auto document = claviger::base::parse_json(line, "");
  if (!document.has_value()) return;  // the scanner does not look into inner values
  std::size_t known = 0;
  for (const auto& [name, value] : document->entries) {
    using Type = claviger::base::Document::Type;
    for (const auto& [field, called] :
         {std::pair(Field::kTime, "time"), std::pair(Field::kType, "type"),
          std::pair(Field::kPrincipal, "principal"), std::pair(Field::kName, "name"),
          std::pair(Field::kRequestId, "request_id")})
      if (name == called && value.type == Type::kScalar && !fields[field].contains('\\') &&
          !fields[field].empty()) {
        expect(value.scalar == fields[field], "a field is what a parser reads");
        ++known;
      }
  }
  expect(known <= document->entries.size(), "a field is there once");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  claviger::audit::Filter filter;
  expect(filter.add("principal", "ci").has_value() && filter.add("status", "2xx").has_value(), "a filter");
  std::vector<std::string_view> found, wanted;
  std::uint64_t unreadable = 0;
  claviger::audit::LineFinder(filter).find(text, found, unreadable);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
    EventFields fields;
    if (claviger::audit::scan_fields(line, fields)) {
      compare_with_parser(line, fields);
      if (filter.matches(fields)) wanted.push_back(line);
    }
    begin += line.size() + 1;
  }
  expect(found == wanted, "what is found is what matches");
  return 0;
}
