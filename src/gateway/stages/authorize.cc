// SPDX-License-Identifier: Apache-2.0
#include "gateway/stages/stages.h"

namespace claviger::gateway::stages {

Result<void> authorize(Call& call, Worker&) noexcept {
  call.grant = call.world->policy->authorize(call.key->principal, call.upstream_index, call.head->method,
                                             call.head->method_text, call.path_below_mount(), call.wall);
  if (call.grant == nullptr)
    return Error(Code::kDenied, Blame::kCaller,
                 "no grant allows this principal that method and path on this upstream");
  return ok();
}

}  // namespace claviger::gateway::stages
