// SPDX-License-Identifier: Apache-2.0
#include "gateway/stages/stages.h"

namespace claviger::gateway::stages {

Result<void> limit_address(Call& call, Worker& worker) noexcept {
  const Shared& shared = worker.shared;
  const auto* bytes = reinterpret_cast<const char*>(call.address.bytes.data());
  // Of IPv6, the /64: whoever has one has all of its addresses.
  call.address_key = shared.limit_keys.of(call.address.v6 ? 6 : 4, {bytes, call.address.v6 ? 8U : 4U});
  call.limit = shared.address_cells.peek(call.address_key, shared.unauthenticated_rate, call.began);
  return ok();
}

}  // namespace claviger::gateway::stages
