// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace bench {

// What bench/harness/load.py hands over as --name=value. A name that is missing or no number where one is wanted
// ends the program with a message: nobody but the harness calls it.
class Arguments {
 public:
  Arguments(int count, char** values);

  const std::string& text(std::string_view name) const;
  std::uint64_t number(std::string_view name) const;
  std::uint64_t number_or(std::string_view name, std::uint64_t otherwise) const;
  bool has(std::string_view name) const { return values_.contains(name); }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// Prints `what`, and the reason, an errno, if there is one, and ends the program.
[[noreturn]] void die(std::string_view what, int reason = 0);

std::uint64_t now_ns();

}  // namespace bench
