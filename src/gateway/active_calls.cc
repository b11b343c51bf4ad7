// SPDX-License-Identifier: Apache-2.0
#include "gateway/active_calls.h"

#include <algorithm>
#include <optional>

#include "gateway/certificate_check.h"
#include "gateway/key_check.h"

namespace claviger::gateway {
namespace {

// Of what lets the call through; by which key and grant, is said beside it. A certificate that is nobody's lets nobody through.
WallTime first_to_expire(const Call& call, const policy::ApiKey* key, const policy::Grant& grant) noexcept {
  WallTime first = grant.expires.value_or(WallTime::max());
  if (key != nullptr && key->expires) first = std::min(first, *key->expires);
  if (!call.certificate_name.empty() && call.certificate != nullptr)
    first = std::min(first, call.certificate->expires);
  return first;
}

// A signature or two for each; whoever has a request meanwhile waits for so many.
constexpr int kJudgedAtOnce = 16;

struct Who {
  policy::PrincipalIndex principal;
  const policy::ApiKey* key;  // null: by certificate alone, or a door
};

// Who the caller is by `policy`, by the same proof; none when that proves nothing any more.
std::optional<Who> still_known(const Call& call, const policy::Snapshot& policy, WallTime now) noexcept {
  if (call.door != nullptr) {
    const auto principal = policy.find_principal(call.door->principal);
    if (!principal || policy.principal(*principal).disabled) return std::nullopt;
    return Who{*principal, nullptr};
  }
  const CertificateOwner owner = owner_of(call.certificate, call.needs_certificate, policy, now);
  if (call.key == nullptr) {
    if (owner.kind != CertificateOwner::Kind::kOne || policy.principal(owner.principal).disabled)
      return std::nullopt;
    return Who{owner.principal, nullptr};
  }
  const policy::ApiKey* key = policy.find_key(call.key->id);
  if (key == nullptr || key->hash != call.key->hash || !is_usable(*key, call.address, policy, now) ||
      !goes_with(owner, key->principal, policy))
    return std::nullopt;
  return Who{key->principal, key};
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

// Whether the credential that a request carries was not taken back for good since: neither revoked nor deleted. One that is disabled for
// the time being, or has another secret by now, is no reason to cut what was sent with it.
bool keeps_credential(const Call& call, const UpstreamRuntime& upstream) noexcept {
  if (&upstream == call.upstream || call.credential == nullptr) return true;
  const std::string& name = call.credential->credential->name();
  const auto& all = upstream.source->credentials;
  const auto found = std::ranges::find(all, name, &policy::CredentialResource::name);
  return found != all.end() && found->state != policy::CredentialState::kRevoked;
}

// What the stages decided, decided again by `world`: until when the call may go on; none when it may not.
std::optional<WallTime> allowed_until(const Call& call, const World& world, WallTime now) noexcept {
  const policy::Snapshot& policy = *world.policy;
  const auto who = still_known(call, policy, now);
  if (!who || policy.principal(who->principal).name != call.principal->name) return std::nullopt;
  const auto upstream = same_upstream(call, world);
  if (!upstream || !keeps_credential(call, *(*world.upstreams)[*upstream])) return std::nullopt;
  const policy::Grant* grant = policy.authorize(who->principal, *upstream, call.head->method,
                                                call.head->method_text, call.path_below_mount(), now);
  if (grant == nullptr) return std::nullopt;
  return first_to_expire(call, who->key, *grant);
}

}  // namespace

// --- One call ------------------------------------------------------------------------------------

ActiveCall::ActiveCall(ActiveCalls& calls, Call& call, http::ServerConnection& caller) noexcept
    : call_(&call),
      caller_(&caller),
      expires_(first_to_expire(call, call.key, *call.grant)),
      judged_(calls.round_) {
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

void ActiveCall::on_deadline() noexcept {
  has_run_out_ = true;
  interruption_.interrupt(Interrupted::kOutOfTime);  // may be the end of this object
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
  end_those(ending, [](ActiveCall& call) { call.end(); });
}

template <class End>
void ActiveCalls::end_those(ActiveCall& ending, End end) noexcept {
  while (ending.next_ != &ending) {
    ActiveCall& call = *ending.next_;
    call.unlink();
    end(call);
  }
}

void ActiveCalls::end_all() noexcept {
  ActiveCall ending;
  while (anchor_.next_ != &anchor_) {
    ActiveCall& call = *anchor_.next_;
    call.unlink();
    call.link_before(ending);
  }
  end_those(ending, [](ActiveCall& call) {
    call.caller_->abort();
    call.interruption_.interrupt();  // may be the end of the call
  });
}

void ActiveCalls::recheck(const World& world, WallTime now) noexcept {
  recheck_those(world, now, [](const ActiveCall&) { return true; });
}

void ActiveCalls::end_expired(const World& world, WallTime now) noexcept {
  if (earliest_ > now) return;
  recheck_those(world, now, [now](const ActiveCall& call) { return call.expires_ <= now; });
}

// New calls come last, and those that are judged go there: the first is judged last of all.
bool ActiveCalls::judge_some(const net::ServerTls& tls, const World& world, WallTime now) noexcept {
  const auto has_more = [this] { return anchor_.next_ != &anchor_ && anchor_.next_->judged_ != round_; };
  ActiveCall ending;
  for (int i = 0; i < kJudgedAtOnce && has_more(); ++i) {
    ActiveCall& call = *anchor_.next_;
    call.judged_ = round_;
    if (call.call_->door == nullptr) look_at_certificate(*call.call_, *call.caller_, &tls);
    const auto until = allowed_until(*call.call_, world, now);
    call.unlink();
    call.link_before(until ? anchor_ : ending);
    if (!until) continue;
    call.expires_ = *until;
    earliest_ = std::min(earliest_, call.expires_);
  }
  end_those(ending, [](ActiveCall& call) { call.end(); });
  return has_more();
}

std::size_t ActiveCalls::count(std::string_view principal, std::string_view pool_key,
                               std::size_t most) const noexcept {
  std::size_t found = 0;
  for (const ActiveCall* each = anchor_.next_; each != &anchor_ && found < most; each = each->next_) {
    const Call& call = *each->call_;
    if (call.principal->name == principal && call.upstream->pool_key == pool_key) ++found;
  }
  return found;
}

}  // namespace claviger::gateway
