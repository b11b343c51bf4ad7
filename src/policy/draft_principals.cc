// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "policy/draft_work.h"

namespace claviger::policy {
namespace {

// In one order, each once.
std::vector<std::string> sorted(std::vector<std::string> names) {
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

}  // namespace

// Names in certificates of all that change as well: one may pass from one principal to another.
void DraftWork::clear_principals() {
  for (const auto& entry : queues_.of<PrincipalResource>().entries()) {
    if (!entry.is_open) continue;
    const NamedAt* known = find_named(tables_.principal_names, entry.name);
    if (known == nullptr) continue;
    for (const std::string& name : tables_.principal(known->at).placed->certificates)
      erase_named(tables_.certificates, name);
    if (entry.resource.has_value()) continue;
    going_principals_.push_back({.at = known->at, .name = entry.name});
    erase_named(tables_.principal_names, entry.name);
  }
}

void DraftWork::clear_keys() {
  for (const auto& entry : queues_.of<ApiKeyResource>().entries()) {
    if (!entry.is_open || entry.resource.has_value()) continue;
    const ApiKey* known = tables_.find_key(entry.name);
    if (known == nullptr) continue;
    if (!known->revoked) --tables_.edit_principal(known->principal).keys;
    tables_.keys.erase(hash_key_id(tables_.seed, entry.name),
                       [&](const ApiKey& key) { return key.id == std::string_view(entry.name); });
  }
}

Result<void> DraftWork::put_principal(const PrincipalResource& resource) {
  CLV_TRY_VOID(check_certificates(resource));
  auto placed = std::make_shared<PlacedPrincipal>();
  placed->roles = sorted(resource.roles);
  placed->certificates = sorted(resource.certificates);
  Principal& principal = placed->principal;
  principal.name = resource.name;
  principal.disabled = resource.disabled;
  principal.management = resource.management;
  principal.has_certificates = !placed->certificates.empty();
  for (const std::string& role : placed->roles) principal.roles.push_back(use_role(role));

  const NamedAt* known = find_named(tables_.principal_names, resource.name);
  const PrincipalIndex index = known != nullptr ? known->at : place_principal();
  if (known == nullptr) tables_.principal_names.insert({.name = resource.name, .at = index});
  for (const std::string& name : placed->certificates)
    tables_.certificates.insert({.name = name, .at = index});
  PrincipalRow& row = tables_.edit_principal(index);
  const std::shared_ptr<const PlacedPrincipal> before = std::exchange(row.placed, std::move(placed));
  if (before == nullptr) return ok();
  for (const std::string& role : before->roles) release_role(role);
  return ok();
}

Result<void> DraftWork::check_certificates(const PrincipalResource& resource) const {
  for (const std::string& name : resource.certificates) {
    const NamedAt* taken = find_named(tables_.certificates, name);
    if (taken == nullptr) continue;
    return refusal(resource.place, "principal " + quoted(resource.name) + ": the certificate name " +
                                       quoted(name) + " is that of principal " +
                                       quoted(tables_.principal(taken->at).placed->principal.name));
  }
  return ok();
}

PrincipalIndex DraftWork::place_principal() {
  if (tables_.free_principal != kNowhere) {
    const PrincipalIndex index = tables_.free_principal;
    tables_.free_principal = std::exchange(tables_.edit_principal(index), PrincipalRow()).next_free;
    return index;
  }
  const PrincipalIndex index = tables_.principals_end++;
  if (index % SnapshotTables::kPrincipalsInChunk == 0) tables_.principals.push_back({});
  return index;
}

void DraftWork::free_principals() {
  for (const Going& going : going_principals_) {
    PrincipalRow& row = tables_.edit_principal(going.at);
    for (const std::string& role : row.placed->roles) release_role(role);
    row = {.placed = nullptr, .next_free = std::exchange(tables_.free_principal, going.at)};
  }
}

std::uint32_t DraftWork::use_role(std::string_view name) {
  if (Role* known = edit_named(tables_.roles, name); known != nullptr) {
    ++known->uses;
    return known->number;
  }
  std::uint32_t number = 0;
  if (tables_.free_roles.empty()) {
    number = tables_.roles_end++;
  } else {
    number = tables_.free_roles.back();
    tables_.free_roles.pop_back();
  }
  tables_.roles.insert({.name = std::string(name), .number = number, .uses = 1});
  return number;
}

void DraftWork::release_role(std::string_view name) {
  Role* known = edit_named(tables_.roles, name);
  if (--known->uses > 0) return;
  tables_.free_roles.push_back(known->number);
  erase_named(tables_.roles, name);
}

Result<void> DraftWork::put_key(const ApiKeyResource& resource) {
  if (resource.name.size() != sizeof(KeyId))
    return refusal(resource.place, "api_key: its name has 8 characters");
  ApiKey key;
  std::ranges::copy(resource.name, key.id.chars.begin());
  key.hash = resource.hash;
  key.revoked = resource.revoked;
  key.expires = resource.expires;
  key.cidrs = resource.cidrs;
  // A revoked one stands for its id alone, and does not keep its principal from being removed.
  key.principal = kNowhere;
  if (!key.revoked) key.principal = CLV_TRY(find_principal(resource.principal, "api_key", resource.place));

  ApiKey* known = tables_.keys.edit(
      hash_of(tables_.seed, key), [&](const ApiKey& other) { return other.id == std::string_view(key.id); });
  if (known != nullptr && known->revoked && !key.revoked) {
    return Error::formatted(
        Code::kConflict, Blame::kCaller,
        "api_key " + quoted(resource.name) + " was revoked; API key ids are never used again");
  }
  if (known != nullptr && !known->revoked) --tables_.edit_principal(known->principal).keys;
  if (!key.revoked) ++tables_.edit_principal(key.principal).keys;
  if (known != nullptr) {
    *known = std::move(key);
  } else {
    tables_.keys.insert(std::move(key));
  }
  return ok();
}

}  // namespace claviger::policy
