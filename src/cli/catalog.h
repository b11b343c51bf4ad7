// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "cli/command.h"

namespace claviger::cli {

// One for each sub-command, each in the file of its name.
std::unique_ptr<Command> make_serve();
std::unique_ptr<Command> make_check_config();
std::unique_ptr<Command> make_key_new();
std::unique_ptr<Command> make_version();

}  // namespace claviger::cli
