// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/command.h"
#include "policy/resources.h"

namespace claviger::cli {

// What a command of one name and one POST is made of: `principal disable NAME`.
struct StateChange {
  policy::Kind kind;
  std::string_view path;      // "principal disable"
  std::string_view verb;      // of the API: "disable"
  std::string_view done;      // "disabled"
  std::string_view argument;  // "NAME"
  std::string_view summary;
  std::string_view examples;
};

// All of them are literals.
std::unique_ptr<Command> make_state_command(const StateChange& change);

}  // namespace claviger::cli
