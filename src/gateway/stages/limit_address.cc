// SPDX-License-Identifier: Apache-2.0
#include "gateway/stages/stages.h"

namespace claviger::gateway::stages {

Result<void> limit_address(Call& call, Worker& worker) noexcept {
  const Shared& shared = worker.shared;
  call.address_key = shared.limit_keys.of(call.address);
  call.limit = shared.address_cells.peek(call.address_key, worker.settings.unauthenticated, call.began);
  return ok();
}

}  // namespace claviger::gateway::stages
