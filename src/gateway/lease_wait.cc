// SPDX-License-Identifier: Apache-2.0
#include "gateway/lease_wait.h"

namespace claviger::gateway {
namespace {

policy::LeaseRequest request_of(const Call& call) {
  return {call.grant->name, call.principal->name, call.limit_key, *call.grant->quota, call.wall};
}

}  // namespace

void ask_for_lease(Worker& worker, const Call& call) noexcept { worker.shared.leases->ask(request_of(call)); }

net::Task<Result<void>> wait_for_lease(Worker& worker, Call& call) {
  call.quota = CLV_CO_TRY(co_await worker.shared.leases->wait(worker.loop, request_of(call)));
  co_return ok();
}

}  // namespace claviger::gateway
