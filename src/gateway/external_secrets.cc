// SPDX-License-Identifier: Apache-2.0
#include "gateway/external_secrets.h"

#include <algorithm>
#include <set>

#include "policy/draft.h"

namespace claviger::gateway {
namespace {

// The names of those that say `from`, and can be used.
std::set<std::string, std::less<>> usable_with(const World& world, std::string_view from) {
  std::set<std::string, std::less<>> names;
  for (const auto& upstream : *world.upstreams) {
    if (!upstream) continue;
    for (const policy::CredentialResource& credential : upstream->source->credentials) {
      const auto is_it = [&](const ReadyCredential& ready) {
        return ready.credential->name() == credential.name;
      };
      if (credential.from == from && std::ranges::any_of(upstream->credentials, is_it))
        names.insert(credential.name);
    }
  }
  return names;
}

Result<std::shared_ptr<const World>> build_with(policy::Draft& draft, const World& now,
                                                const WorldSettings& settings, vault::ProcessKey& key,
                                                SecretProvider& secrets,
                                                std::vector<UnusableCredential>& unusable) {
  auto snapshot = CLV_TRY(draft.finish(now.policy->revision()));
  return build_world(std::move(snapshot), &now, settings, key, secrets, &unusable);
}

}  // namespace

Result<RenewedWorld> renew_world(const World& now, const std::string& from, const WorldSettings& settings,
                                 vault::ProcessKey& key, SecretProvider& secrets) {
  ExternalSecrets& external = *settings.external;
  external.try_on(from);
  policy::Draft draft(now.policy);
  bool has_value = false;
  for (const auto& upstream : now.policy->upstreams()) {
    if (!upstream) continue;
    for (const policy::CredentialResource& credential : upstream->credentials) {
      if (credential.from != from) continue;
      policy::CredentialResource renewed = credential;
      external.settle(renewed);
      has_value = has_value || external.read(renewed, {}).has_value();
      draft.put(std::move(renewed));
    }
  }
  RenewedWorld made;
  auto world = build_with(draft, now, settings, key, secrets, made.unusable);
  if (!world.has_value()) {
    external.refuse(from, std::string(world.error().what()));  // else it would go on being tried on
    return world.error();
  }
  made.world = *std::move(world);
  const auto usable = usable_with(*made.world, from);
  for (const std::string& name : usable_with(now, from)) {
    if (!has_value || usable.contains(name)) continue;
    const auto why = std::ranges::find(made.unusable, name, &UnusableCredential::name);
    external.refuse(from, why != made.unusable.end() ? why->why : "it cannot be used");
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            "credential '" + name + "' cannot use its new value");
  }
  external.take(from);
  return made;
}

}  // namespace claviger::gateway
