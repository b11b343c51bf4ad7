// SPDX-License-Identifier: Apache-2.0
#include "gateway/stages/stages.h"

namespace claviger::gateway::stages {

Result<void> attach(Call& call, Worker& worker) noexcept {
  const auto& credentials = call.upstream->credentials;
  if (credentials.empty())
    return Error(Code::kNoCredential, Blame::kOperator, "this upstream has no usable credential");
  // Several are one pool, used in turn.
  call.credential = credentials[worker.turn++ % credentials.size()].get();
  return ok();
}

}  // namespace claviger::gateway::stages
