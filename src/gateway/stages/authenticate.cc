// SPDX-License-Identifier: Apache-2.0
#include "base/secret_arena.h"
#include "gateway/certificate_check.h"
#include "gateway/key_check.h"
#include "gateway/stages/stages.h"
#include "http/cross_site.h"
#include "identity/presented.h"

namespace claviger::gateway::stages {
namespace {

void let_in(Call& call, policy::PrincipalIndex principal, const policy::ApiKey* key,
            const CertificateOwner& owner) noexcept {
  call.key = key;
  call.principal_index = principal;
  call.principal = &call.world->policy->principal(principal);
  call.certificate_name = owner.name;
}

Result<void> by_key(Call& call, Worker& worker, std::string_view text,
                    const CertificateOwner& owner) noexcept {
  const policy::Snapshot& policy = *call.world->policy;
  const policy::ApiKey* key =
      CLV_TRY(check_key(text, call.address, policy, call.wall, worker.sha256, call.presented_id, &call.rule));
  if (!goes_with(owner, key->principal, policy)) return refused_by("certificate", call, unknown_key());
  let_in(call, key->principal, key, owner);
  return ok();
}

// Of a caller who sent nothing that a key could be in: what cannot be read is no reason to look elsewhere.
bool by_certificate(Call& call, const CertificateOwner& owner) noexcept {
  if (owner.kind != CertificateOwner::Kind::kOne || identity::presents_anything(call.head->fields))
    return false;
  if (call.world->policy->principal(owner.principal).disabled) return false;
  let_in(call, owner.principal, nullptr, owner);
  return true;
}

// A browser shows its certificate on behalf of any page that asks; a key no page has but its owner's.
Result<void> check_origin(Call& call) noexcept {
  if (!http::is_of_another_origin(*call.head)) return ok();
  return refused_by("origin", call,
                    Error(Code::kDenied, Blame::kCaller,
                          "a page of another site sent this, with a certificate alone: a browser shows that "
                          "for any page; send an API key"));
}

// Who the configuration says that the door stands for. Whatever its request holds counts for nothing.
Result<void> by_door(Call& call) noexcept {
  const policy::Snapshot& policy = *call.world->policy;
  const auto principal = policy.find_principal(call.door->principal);
  if (!principal || policy.principal(*principal).disabled)
    return refused_by(
        "door", call,
        Error(Code::kUnauthenticated, Blame::kCaller,
              "the principal that the configuration names for this door is disabled, or there is none of "
              "that name"));
  let_in(call, *principal, nullptr, {});
  call.limit = {true, 0, 0};
  return ok();
}

Result<void> find_caller(Call& call, Worker& worker, identity::BasicScratch& scratch) noexcept {
  const CertificateOwner owner =
      owner_of(call.certificate, call.needs_certificate, *call.world->policy, call.wall);
  const auto presented = identity::find_presented_key(call.head->fields, scratch);
  if (presented.has_value()) return by_key(call, worker, presented->text, owner);
  if (by_certificate(call, owner)) return check_origin(call);
  return refused_by(identity::presents_anything(call.head->fields) ? "key_form" : "no_key", call,
                    presented.error());
}

}  // namespace

Result<void> authenticate(Call& call, Worker& worker) noexcept {
  if (call.door != nullptr) return by_door(call);
  identity::BasicScratch scratch;
  const auto found = find_caller(call, worker, scratch);
  base::wipe(scratch.data(), scratch.size());  // whatever came of it
  if (!found.has_value()) {
    if (found.error().code() != Code::kUnauthenticated) return found.error();
    if (!call.limit.allowed) {
      worker.metrics.add(telemetry::Counter::kLimitUnauthenticated);
      return refused_by("address_rate", call,
                        Error(Code::kLimited, Blame::kCaller,
                              "too many requests with bad credentials from this address; try again later"));
    }
    worker.shared.address_cells.take(call.address_key, worker.settings.unauthenticated, call.began);
    return found.error();
  }
  call.limit = {true, 0, 0};
  return ok();
}

}  // namespace claviger::gateway::stages
