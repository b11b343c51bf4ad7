// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/secret_arena.h"
#include "gateway/stages/stages.h"
#include "identity/api_key.h"
#include "identity/presented.h"

namespace claviger::gateway::stages {
namespace {

// One answer for everything that is wrong with a key: whoever tries keys learns nothing from it. The
// access log has the key's public id, for those who may know more.
Error unknown_key() {
  return Error(Code::kUnauthenticated, Blame::kCaller,
               "the API key is not known, has expired, or may not be used from this address");
}

bool comes_from(const policy::ApiKey& key, const base::IpAddress& address) noexcept {
  return key.cidrs.empty() || std::any_of(key.cidrs.begin(), key.cidrs.end(),
                                          [&](const base::Cidr& range) { return range.contains(address); });
}

Result<const policy::ApiKey*> check_key(std::string_view text, Call& call, Worker& worker) noexcept {
  const auto parsed = identity::parse_api_key(text);
  if (!parsed)
    return Error(Code::kUnauthenticated, Blame::kCaller,
                 "that is not an API key of this gateway (clv_...), or it was mistyped");
  parsed->id.copy(call.presented_id.chars.data(), call.presented_id.chars.size());
  const policy::ApiKey* key = call.world->policy->find_key(parsed->id);
  if (key == nullptr) return unknown_key();
  const crypto::Sha256Digest digest = worker.sha256.digest(text);
  if (!crypto::equal_constant_time(digest, key->hash)) return unknown_key();
  if (key->expires && *key->expires <= call.wall) return unknown_key();
  if (!comes_from(*key, call.address)) return unknown_key();
  if (call.world->policy->principal(key->principal).disabled) return unknown_key();
  return key;
}

Result<const policy::ApiKey*> find_key(Call& call, Worker& worker, identity::BasicScratch& scratch) noexcept {
  const auto presented = identity::find_presented_key(call.head->fields, scratch);
  if (!presented.has_value()) return presented.error();
  return check_key(presented->text, call, worker);
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
