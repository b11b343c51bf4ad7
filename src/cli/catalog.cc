// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"

#include "cli/command.h"

namespace claviger::cli {

std::vector<std::unique_ptr<Command>> make_commands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(make_serve());
  commands.push_back(make_check_config());
  commands.push_back(make_key_new());
  commands.push_back(make_version());
  return commands;
}

// Errors carry no flag for it; their text is what makes the difference, and this is the one place that knows.
namespace {
constexpr std::string_view kUsage = "usage: ";
}

Error usage_error(std::string_view what) {
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::string(kUsage) + std::string(what));
}
bool is_usage_error(const Error& error) noexcept { return error.what().starts_with(kUsage); }

}  // namespace claviger::cli
