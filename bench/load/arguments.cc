// SPDX-License-Identifier: Apache-2.0
#include "arguments.h"

#include <time.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {

Arguments::Arguments(int count, char** values) {
  for (int i = 0; i < count; ++i) {
    const std::string_view argument = values[i];
    const auto equals = argument.find('=');
    if (!argument.starts_with("--") || equals == std::string_view::npos)
      die("not of the form --name=value: " + std::string(argument));
    values_.emplace(argument.substr(2, equals - 2), argument.substr(equals + 1));
  }
}

const std::string& Arguments::text(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) die("--" + std::string(name) + " is missing");
  return found->second;
}

std::uint64_t Arguments::number(std::string_view name) const {
  const std::string& value = text(name);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size())
    die("--" + std::string(name) + " is no number: " + value);
  return number;
}

std::uint64_t Arguments::number_or(std::string_view name, std::uint64_t otherwise) const {
  return has(name) ? number(name) : otherwise;
}

void die(std::string_view what, int reason) {
  std::fprintf(stderr, "bench_load: %.*s%s%s\n", static_cast<int>(what.size()), what.data(),
               reason != 0 ? ": " : "", reason != 0 ? std::strerror(reason) : "");
  std::exit(1);
}

std::uint64_t now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace bench
