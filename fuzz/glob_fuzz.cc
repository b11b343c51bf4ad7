// SPDX-License-Identifier: Apache-2.0
// A pattern and a path, one line each: the automaton and the plain reading must agree.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "policy/glob.h"
#include "policy/testing/slow_glob.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  if (line == std::string_view::npos || input.size() - line > 1024) return 0;
  const std::string_view pattern = input.substr(0, line);
  const std::string_view path = input.substr(line + 1);
  const auto glob = claviger::policy::Glob::parse(pattern);
  if (!glob.has_value()) return 0;
  CLV_CHECK(glob->matches(path) == claviger::policy::testing::SlowGlob(pattern, path).matches());
  return 0;
}
