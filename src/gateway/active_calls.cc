// SPDX-License-Identifier: Apache-2.0
#include "gateway/active_calls.h"

#include <algorithm>
#include <optional>

#include "gateway/key_check.h"

namespace claviger::gateway {
namespace {

WallTime first_to_expire(const policy::ApiKey& key, const policy::Grant& grant) noexcept {
  return std::min(key.expires.value_or(WallTime::max()), grant.expires.value_or(WallTime::max()));
}

// Whether a request still goes where it went: the same upstream, by the same mount, at the same place.
std::optional<policy::UpstreamIndex> same_upstream(const Call& call, const World& world) noexcept {
  const auto route = world.policy->route(call.head->path);
  if (!route) return std::nullopt;
  const UpstreamRuntime* upstream = (*world.upstreams)[route->upstream].get();
  if (upstream == call.upstream) return route->upstream;
  if (upstream == nullptr || route->rest != call.rest) return std::nullopt;
  if (upstream->pool_key != call.upstream->pool_key) return std::nullopt;  // name, address, trust, rules
  if (upstream->resource->base_url.path != call.upstream->resource->base_url.path) return std::nullopt;
  return route->upstream;
}

// What the stages decided, decided again by `world`: until when the call may go on; none when it may not.
std::optional<WallTime> allowed_until(const Call& call, const World& world, WallTime now) noexcept {
  const policy::Snapshot& policy = *world.policy;
  const policy::ApiKey* key = policy.find_key(call.key->id);
  if (key == nullptr || key->hash != call.key->hash || !is_usable(*key, call.address, policy, now))
    return std::nullopt;
  if (policy.principal(key->principal).name != call.principal->name) return std::nullopt;
  const auto upstream = same_upstream(call, world);
  if (!upstream) return std::nullopt;
  const policy::Grant* grant = policy.authorize(key->principal, *upstream, call.head->method,
                                                call.head->method_text, call.path_below_mount(), now);
  if (grant == nullptr) return std::nullopt;
  return first_to_expire(*key, *grant);
}

}  // namespace

// --- One call ------------------------------------------------------------------------------------

ActiveCall::ActiveCall(ActiveCalls& calls, Call& call, http::ServerConnection& caller) noexcept
    : call_(&call), caller_(&caller), expires_(first_to_expire(*call.key, *call.grant)) {
  link_before(calls.anchor_);
  calls.earliest_ = std::min(calls.earliest_, expires_);
}

void ActiveCall::link_before(ActiveCall& next) noexcept {
  previous_ = next.previous_;
  next_ = &next;
  previous_->next_ = this;
  next.previous_ = this;
}

void ActiveCall::unlink() noexcept {
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = this;
}

void ActiveCall::end() noexcept {
  call_->revoked = true;
  caller_->abort();
  interruption_.interrupt();  // may be the end of this object
}

// --- All of them ---------------------------------------------------------------------------------

// In two passes: to end one runs it to its end, and whatever that sets off, so nothing is ended while the list is walked.
// Those to be ended lie in a list of their own, which each leaves when its turn comes, or when it ends before.
template <class Concerns>
void ActiveCalls::recheck_those(const World& world, WallTime now, Concerns concerns) noexcept {
  ActiveCall ending;
  earliest_ = WallTime::max();
  for (ActiveCall* each = anchor_.next_; each != &anchor_;) {
    ActiveCall& call = *each;
    each = each->next_;
    if (concerns(call)) {
      const auto until = allowed_until(*call.call_, world, now);
      if (!until) {
        call.unlink();
        call.link_before(ending);
        continue;
      }
      call.expires_ = *until;
    }
    earliest_ = std::min(earliest_, call.expires_);
  }
  while (ending.next_ != &ending) {
    ActiveCall& call = *ending.next_;
    call.unlink();
    call.end();
  }
}

void ActiveCalls::recheck(const World& world, WallTime now) noexcept {
  recheck_those(world, now, [](const ActiveCall&) { return true; });
}

void ActiveCalls::end_expired(const World& world, WallTime now) noexcept {
  if (earliest_ > now) return;
  recheck_those(world, now, [now](const ActiveCall& call) { return call.expires_ <= now; });
}

}  // namespace claviger::gateway
