// SPDX-License-Identifier: Apache-2.0
#include "gateway/pipeline.h"

#include <array>

#include "gateway/stages/stages.h"

namespace claviger::gateway {
namespace {

constexpr std::array kStages{
    Stage{"limit_address",
          stages::limit_address},  // first: what is costly may be left out for an address that floods
    Stage{"normalize", stages::normalize},  // before anything looks at the path: one reading, or none
    Stage{"authenticate", stages::authenticate},  // before resolve: strangers learn nothing of what there is
    Stage{"resolve", stages::resolve},  // grants are about upstreams
    Stage{"authorize", stages::authorize},  // default deny
    Stage{"limit", stages::limit},  // after authorize: it is the grant's limit, and refusals are free
    Stage{"strip", stages::strip},  // before attach: nothing of the caller's may stand beside a credential
    Stage{"attach", stages::attach},  // last: a credential is chosen only for a call that will be made
};

}  // namespace

std::span<const Stage> all_stages() noexcept { return kStages; }

Result<void> run_pipeline(Call& call, Worker& worker) noexcept {
  for (const Stage& stage : kStages) {
    CLV_TRY_VOID(stage.run(call, worker));
    if (call.needs_lease) break;  // what needs a token has come to the last of them
  }
  return ok();
}

}  // namespace claviger::gateway
