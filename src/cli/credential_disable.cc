// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"
#include "cli/state_command.h"

namespace claviger::cli {

std::unique_ptr<Command> make_credential_disable() {
  return make_state_command({
      .kind = policy::Kind::kCredential,
      .path = "credential disable",
      .verb = "disable",
      .done = "disabled",
      .argument = "NAME",
      .summary = "Stop using a credential, for the time being",
      .examples = "  claviger credential disable openai-main\n\n"
                  "Its secret stays, and `claviger credential enable` brings it back. Calls that need it are "
                  "refused meanwhile.",
  });
}

}  // namespace claviger::cli
