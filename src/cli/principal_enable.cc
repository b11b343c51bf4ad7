// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"
#include "cli/state_command.h"

namespace claviger::cli {

std::unique_ptr<Command> make_principal_enable() {
  return make_state_command({
      .kind = policy::Kind::kPrincipal,
      .path = "principal enable",
      .verb = "enable",
      .done = "enabled",
      .argument = "NAME",
      .summary = "Let a disabled principal in again",
      .examples = "  claviger principal enable ci",
  });
}

}  // namespace claviger::cli
