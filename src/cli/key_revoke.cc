// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"
#include "cli/state_command.h"

namespace claviger::cli {

std::unique_ptr<Command> make_key_revoke() {
  return make_state_command({
      .kind = policy::Kind::kApiKey,
      .path = "key revoke",
      .verb = "revoke",
      .done = "revoked",
      .argument = "ID",
      .summary = "Refuse an API key for good, from now on",
      .examples =
          "  claviger key revoke 7f3k9x2m      the <id> within clv_<id>_..., as in `claviger key list`",
  });
}

}  // namespace claviger::cli
