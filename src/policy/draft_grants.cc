// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/draft_work.h"
#include "policy/grant_rules.h"

namespace claviger::policy {
namespace {

Grant make_grant(const GrantResource& resource) {
  Grant grant;
  grant.name = resource.name;
  grant.limit_key = SipHash(0, 0).finish(grant.name);
  give_methods(resource.methods, grant);
  grant.paths = resource.paths;
  grant.rate = resource.rate;
  grant.quota = resource.quota;
  grant.expires = resource.expires;
  return grant;
}

auto is_named(std::string_view name) {
  return [name](const SharedGrant& grant) { return grant->grant.name == name; };
}

}  // namespace

void DraftWork::clear_grants() {
  for (const auto& entry : queues_.of<GrantResource>().entries()) {
    if (!entry.is_open || (entry.resource.has_value() && !entry.is_new)) continue;
    const PlacedGrant* known = tables_.find_grant(entry.name);
    if (known != nullptr) remove_grant(*known);
  }
}

Result<void> DraftWork::put_grant(const GrantResource& resource) {
  auto placed = std::make_shared<PlacedGrant>();
  placed->upstream = CLV_TRY(find_upstream(resource.upstream, "grant", resource.place));
  if (resource.role.empty()) {
    placed->subject = CLV_TRY(find_principal(resource.principal, "grant", resource.place));
  } else {
    placed->subject = kRole | use_role(resource.role);
  }
  placed->role = resource.role;
  placed->grant = make_grant(resource);
  if (const PlacedGrant* known = tables_.find_grant(resource.name); known != nullptr) {
    placed->sequence = known->sequence;
    remove_grant(*known);
  } else {
    placed->sequence = tables_.next_sequence++;
  }
  add_grant(std::move(placed));
  return ok();
}

void DraftWork::add_grant(SharedGrant grant) {
  ++tables_.upstream_grants[grant->upstream];
  if (grant->role.empty()) ++tables_.edit_principal(grant->subject).grants;
  tables_.grants.insert(grant);

  const std::uint64_t pair = pair_of(grant->subject, grant->upstream);
  const auto is_it = [pair](const GrantedPair& row) { return row.pair == pair; };
  GrantedPair* row = tables_.pairs.edit(mix(pair ^ tables_.seed.k1), is_it);
  if (row == nullptr) row = &tables_.pairs.insert({.pair = pair, .grants = {}});
  const auto at = std::ranges::upper_bound(row->grants, grant->sequence, {},
                                           [](const SharedGrant& other) { return other->sequence; });
  row->grants.insert(at, std::move(grant));
}

void DraftWork::remove_grant(const PlacedGrant& grant) {
  --tables_.upstream_grants[grant.upstream];
  if (grant.role.empty()) {
    --tables_.edit_principal(grant.subject).grants;
  } else {
    release_role(grant.role);
  }
  const std::uint64_t pair = pair_of(grant.subject, grant.upstream);
  const auto is_it = [pair](const GrantedPair& row) { return row.pair == pair; };
  GrantedPair* row = tables_.pairs.edit(mix(pair ^ tables_.seed.k1), is_it);
  // `grant` goes with the last of these.
  const SharedGrant held = *std::ranges::find_if(row->grants, is_named(grant.grant.name));
  std::erase(row->grants, held);
  if (row->grants.empty()) tables_.pairs.erase(mix(pair ^ tables_.seed.k1), is_it);
  tables_.grants.erase(hash_of(tables_.seed, held), is_named(held->grant.name));
}

}  // namespace claviger::policy
