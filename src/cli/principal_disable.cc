// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"
#include "cli/state_command.h"

namespace claviger::cli {

std::unique_ptr<Command> make_principal_disable() {
  return make_state_command({
      .kind = policy::Kind::kPrincipal,
      .path = "principal disable",
      .verb = "disable",
      .done = "disabled",
      .argument = "NAME",
      .summary = "Refuse all calls of a principal, from now on",
      .examples = "  claviger principal disable ci\n\n"
                  "All of its keys stop working at once. `claviger principal enable` brings it back.",
  });
}

}  // namespace claviger::cli
