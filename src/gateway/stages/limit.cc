// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "gateway/lease_wait.h"
#include "gateway/stages/stages.h"

namespace claviger::gateway::stages {
namespace {

using Kind = policy::QuotaDecision::Kind;

Result<void> take_of_rate(Call& call, Worker& worker, std::uint64_t key) noexcept {
  call.limit = worker.shared.cells.take(key, *call.grant->rate, call.began);
  if (call.limit.allowed) return ok();
  return refused_by(
      "rate", call,
      Error(Code::kLimited, Blame::kCaller,
            "the rate of this grant is used up; Retry-After says when it is worth another try"));
}

// A decision that the call waited for is for the key that it was made for.
Result<void> take_of_quota(Call& call, Worker& worker, std::uint64_t key, bool is_decided) noexcept {
  if (worker.shared.quota_cells == nullptr)
    return refused_by(
        "quota", call,
        Error(Code::kUnavailable, Blame::kOperator, "this gateway has nowhere to count quotas"));
  if (!is_decided || call.quota.kind == Kind::kNeedsLease)
    call.quota = worker.shared.quota_cells->take(key, *call.grant->quota, call.wall);
  if (call.quota.ask_now) ask_for_lease(worker, call);
  call.needs_lease = call.quota.kind == Kind::kNeedsLease;
  if (call.quota.kind != Kind::kExhausted) return ok();
  return refused_by(
      "quota", call,
      Error(Code::kLimited, Blame::kCaller,
            "the quota of this grant is used up; Retry-After says when its next window begins"));
}

}  // namespace

// Runs twice where it had to wait for a lease: the rate counts a call once.
Result<void> limit(Call& call, Worker& worker) noexcept {
  if (!call.grant->rate && !call.grant->quota) return ok();
  const std::uint64_t key = worker.shared.limit_keys.of(call.grant->limit_key, call.principal->name);
  const bool is_again = std::exchange(call.limit_key, key) == key;
  if (!is_again) call.quota = {};
  if (call.grant->rate && !is_again) CLV_TRY_VOID(take_of_rate(call, worker, key));
  return call.grant->quota ? take_of_quota(call, worker, key, is_again) : ok();
}

}  // namespace claviger::gateway::stages
