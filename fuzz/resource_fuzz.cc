// SPDX-License-Identifier: Apache-2.0
// Resources as the management API takes them: whatever is accepted has a kind and a name, and reads the same from
// what is written of it.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "fuzz_check.h"
#include "policy/resources.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using claviger::fuzz::expect;
  using namespace claviger;
  if (size > 8192) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto document = base::parse_json(input, "input", 10'000);
  if (!document.has_value()) return 0;
  const auto resource = policy::read_resource(*document);
  std::string text;
  base::append_json(text, *document);
  const auto again = base::parse_json(text, "input", 10'000);
  expect(again.has_value(), "what was read can be written");
  const auto same = policy::read_resource(*again);
  expect(same.has_value() == resource.has_value(), "and is as good as before");
  if (!resource.has_value()) return 0;
  expect(policy::kind_of(*resource) == policy::kind_of(*same), "it is of the same kind");
  expect(policy::name_of(*resource) == policy::name_of(*same), "and has the same name");
  return 0;
}
