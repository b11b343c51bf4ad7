// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"
#include "cli/state_command.h"

namespace claviger::cli {

std::unique_ptr<Command> make_credential_enable() {
  return make_state_command({
      .kind = policy::Kind::kCredential,
      .path = "credential enable",
      .verb = "enable",
      .done = "enabled",
      .argument = "NAME",
      .summary = "Use a disabled credential again",
      .examples = "  claviger credential enable openai-main",
  });
}

}  // namespace claviger::cli
