// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"
#include "cli/state_command.h"

namespace claviger::cli {

std::unique_ptr<Command> make_credential_revoke() {
  return make_state_command({
      .kind = policy::Kind::kCredential,
      .path = "credential revoke",
      .verb = "revoke",
      .done = "revoked",
      .argument = "NAME",
      .summary = "Stop using a credential for good",
      .examples = "  claviger credential revoke openai-main\n\n"
                  "There is no way back for this secret. Revoke it at its provider as well: whoever stole it "
                  "does not\n"
                  "come through this gateway.",
  });
}

}  // namespace claviger::cli
