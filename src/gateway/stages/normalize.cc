// SPDX-License-Identifier: Apache-2.0
#include "gateway/stages/stages.h"
#include "identity/api_key.h"

namespace claviger::gateway::stages {

Result<void> normalize(Call& call, Worker&) noexcept {
  if (identity::contains_api_key(call.head->target))
    return Error(Code::kBadRequest, Blame::kCaller,
                 "an API key stands in the URL, where it ends up in logs; send it in a header, and have this one replaced");
  call.path = CLV_TRY(http::check_canonical_path(call.head->path));
  call.path_is_canonical = true;
  return ok();
}

}  // namespace claviger::gateway::stages
