// SPDX-License-Identifier: Apache-2.0
// Of the registry: credentials that say `from`, whose secrets it has not got.
#include <utility>

#include "base/parse.h"
#include "gateway/external_secrets.h"
#include "policy/draft.h"
#include "registry/stored_registry.h"

namespace claviger::registry {

// Those whose secrets lie elsewhere, as they are there now. Each keeps its place in the draft.
void StoredRegistry::settle(std::vector<policy::CredentialResource> external, policy::Draft& draft) const {
  if (settings_.external == nullptr || external.empty()) return;
  std::vector<std::string> froms;
  for (const auto& credential : external) froms.push_back(credential.from);
  settings_.external->want(froms);
  for (auto& credential : external) {
    settings_.external->settle(credential);
    draft.put(std::move(credential));
  }
}

// Before anything is read for them: what a resource says must not be a way to what the configuration keeps for others.
Result<void> StoredRegistry::check_allowed(const std::vector<policy::CredentialResource>& external,
                                           const policy::Snapshot& snapshot) const {
  for (const policy::CredentialResource& credential : external) {
    const auto at = snapshot.find_upstream(credential.upstream);
    const auto allowed = settings_.external == nullptr
                             ? Error(Code::kInvalid, Blame::kCaller, "`from` cannot be used here")
                             : settings_.external->check(credential, snapshot.upstreams()[*at]->resource);
    if (!allowed.has_value())
      return allowed.error().within(label_of(policy::Kind::kCredential, credential.name));
  }
  return ok();
}

net::Task<Result<void>> StoredRegistry::renew(std::string from) {
  const Turnstile::Pass pass = co_await turnstile_.enter();
  VaultSecrets secrets(parts_.keys, secrets_, settings_.external);
  auto renewed = CLV_CO_TRY(gateway::renew_world(*world_, from, settings_, parts_.process_key, secrets));
  unusable_ = std::move(renewed.unusable);
  world_ = renewed.world;
  co_await publish(std::move(renewed.world));
  co_return ok();
}

std::string StoredRegistry::source_fault(const policy::CredentialResource& credential) const {
  if (settings_.external == nullptr || credential.from.empty()) return {};
  return settings_.external->shown(credential.from).fault;
}

// Puts in what is known of its value; what is wrong with its source, or nothing. On the store's thread, too.
std::string StoredRegistry::show_source(policy::CredentialResource& credential, Status& status) const {
  if (settings_.external == nullptr || credential.from.empty()) return {};
  const gateway::ExternalSecrets::Shown shown = settings_.external->shown(credential.from);
  credential.version = status.version = shown.version;
  credential.set_at = shown.changed;
  if (shown.version > 0) status.set_at = base::format_rfc3339(shown.changed);
  return shown.fault;
}

}  // namespace claviger::registry
