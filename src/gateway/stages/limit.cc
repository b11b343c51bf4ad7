// SPDX-License-Identifier: Apache-2.0
#include "gateway/stages/stages.h"

namespace claviger::gateway::stages {

Result<void> limit(Call& call, Worker& worker) noexcept {
  if (!call.grant->rate) return ok();
  const std::uint64_t key = worker.shared.limit_keys.of(call.grant->limit_key, call.principal->name);
  call.limit = worker.shared.cells.take(key, *call.grant->rate, call.began);
  if (call.limit.allowed) return ok();
  return Error(Code::kLimited, Blame::kCaller,
               "the rate of this grant is used up; Retry-After says when it is worth another try");
}

}  // namespace claviger::gateway::stages
