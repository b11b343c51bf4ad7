// SPDX-License-Identifier: Apache-2.0
#include "gateway/stages/stages.h"

namespace claviger::gateway::stages {

Result<void> attach(Call& call, Worker& worker) noexcept {
  const auto& credentials = call.upstream->credentials;
  if (credentials.empty())
    return refused_by("no_credential", call,
                      Error(Code::kNoCredential, Blame::kOperator, "this upstream has no usable credential"));
  // Several are one pool, used in turn.
  const std::size_t turn = worker.turn++ % credentials.size();
  call.credential = credentials[turn].get();
  call.credential_version = call.upstream->credential_versions[turn];
  call.decision = Decision::kAllowed;
  return ok();
}

}  // namespace claviger::gateway::stages
