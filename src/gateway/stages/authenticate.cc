// SPDX-License-Identifier: Apache-2.0
#include "base/secret_arena.h"
#include "gateway/key_check.h"
#include "gateway/stages/stages.h"
#include "identity/presented.h"

namespace claviger::gateway::stages {
namespace {

Result<const policy::ApiKey*> find_key(Call& call, Worker& worker, identity::BasicScratch& scratch) noexcept {
  const auto presented = identity::find_presented_key(call.head->fields, scratch);
  if (!presented.has_value()) return presented.error();
  return check_key(presented->text, call.address, *call.world->policy, call.wall, worker.sha256,
                   call.presented_id);
}

}  // namespace

Result<void> authenticate(Call& call, Worker& worker) noexcept {
  identity::BasicScratch scratch;
  const auto key = find_key(call, worker, scratch);
  base::wipe(scratch.data(), scratch.size());  // whatever came of it
  if (!key.has_value()) {
    if (key.error().code() != Code::kUnauthenticated) return key.error();
    if (!call.limit.allowed)
      return Error(Code::kLimited, Blame::kCaller,
                   "too many requests with bad credentials from this address; try again later");
    worker.shared.address_cells.take(call.address_key, worker.shared.unauthenticated_rate, call.began);
    return key.error();
  }
  call.limit = {true, 0, 0};
  call.key = *key;
  call.principal = &call.world->policy->principal((*key)->principal);
  return ok();
}

}  // namespace claviger::gateway::stages
