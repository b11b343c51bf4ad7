// SPDX-License-Identifier: Apache-2.0
// Snapshot::compile: from resources, which know each other by name, to tables that know each other by number.
#include <algorithm>
#include <span>

#include "base/check.h"
#include "crypto/random.h"
#include "policy/nearest.h"
#include "policy/siphash.h"
#include "policy/snapshot.h"
#include "policy/snapshot_index.h"

namespace claviger::policy {
namespace {

using base::invalid_at;
using base::Place;

std::string quote(std::string_view text) { return "'" + std::string(text) + "'"; }

// The names of one kind of resource and their positions. Views and places are into the resources.
class Names {
 public:
  explicit Names(std::string_view what) : what_(what) {}

  Result<void> add(std::string_view name, const Place& place) {
    const auto [at, is_new] = positions_.try_emplace(name, static_cast<std::uint32_t>(places_.size()));
    if (!is_new) return duplicate_at(place, what_, name, *places_[at->second]);
    places_.push_back(&place);
    return ok();
  }

  // `from` is the kind of resource that refers to it, standing at `place`.
  Result<std::uint32_t> find(std::string_view name, std::string_view from, const Place& place) const {
    const auto at = positions_.find(name);
    if (at != positions_.end()) return at->second;
    std::vector<std::string_view> names;
    for (const auto& entry : positions_) names.push_back(entry.first);
    std::ranges::sort(names);  // for the same message every time
    std::string text = std::string(from) + ": no " + std::string(what_) + " is named " + quote(name);
    if (const std::string_view near = nearest(name, names); !near.empty())
      text += "; did you mean " + quote(near) + "?";
    return invalid_at(place, text);
  }

 private:
  std::string_view what_;
  std::unordered_map<std::string_view, std::uint32_t> positions_;
  std::vector<const Place*> places_;
};

template <class Resource>
Result<Names> names_of(const std::vector<Resource>& resources, std::string_view what) {
  Names names(what);
  for (const Resource& resource : resources) CLV_TRY_VOID(names.add(resource.name, resource.place));
  return names;
}

// Roles are not declared: each name that occurs gets a number.
class Roles {
 public:
  std::uint32_t number(std::string_view name) {
    return numbers_.try_emplace(name, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }

 private:
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
};

Result<void> check_credentials(const Resources& resources, const Names& upstreams) {
  CLV_TRY_VOID(names_of(resources.credentials, "credential"));
  for (const CredentialResource& credential : resources.credentials) {
    const std::uint32_t at = CLV_TRY(upstreams.find(credential.upstream, "credential", credential.place));
    const bool has_auth = credential.auth.type != base::Document::Type::kNull ||
                          resources.upstreams[at].auth.type != base::Document::Type::kNull;
    if (!has_auth) {
      return invalid_at(
          credential.place,
          "credential: neither it nor its upstream says how it is sent; add auth: { kind: bearer }");
    }
  }
  return ok();
}

std::vector<Principal> make_principals(const std::vector<PrincipalResource>& resources, Roles& roles) {
  std::vector<Principal> principals;
  principals.reserve(resources.size());
  for (const PrincipalResource& resource : resources) {
    Principal& principal = principals.emplace_back();
    principal.name = resource.name;
    principal.disabled = resource.disabled;
    for (const std::string& role : resource.roles) principal.roles.push_back(roles.number(role));
    std::ranges::sort(principal.roles);
    principal.roles.erase(std::ranges::unique(principal.roles).begin(), principal.roles.end());
  }
  return principals;
}

Result<std::vector<ApiKey>> make_keys(const std::vector<ApiKeyResource>& resources, const Names& principals) {
  std::vector<ApiKey> keys;
  keys.reserve(resources.size());
  for (const ApiKeyResource& resource : resources) {
    ApiKey& key = keys.emplace_back();
    if (resource.name.size() != sizeof(KeyId))
      return invalid_at(resource.place, "api_key: its name has 8 characters");
    std::ranges::copy(resource.name, key.id.chars.begin());
    key.hash = resource.hash;
    key.principal = CLV_TRY(principals.find(resource.principal, "api_key", resource.place));
    key.expires = resource.expires;
    key.cidrs = resource.cidrs;
  }
  return keys;
}

// "<principal or role>:<upstream>", ":2" and so on behind it. No written name holds a ':'.
class MadeUpNames {
 public:
  std::string next(const GrantResource& grant) {
    std::string name = (grant.role.empty() ? grant.principal : grant.role) + ":" + grant.upstream;
    const int count = ++counts_[name];
    if (count > 1) name += ":" + std::to_string(count);
    return name;
  }

 private:
  std::unordered_map<std::string, int> counts_;
};

void give_methods(const std::vector<std::string>& methods, Grant& grant) {
  grant.gives_other_methods = methods.empty();
  if (methods.empty()) grant.known_methods = kGivenMethods;
  for (const std::string& text : methods) {
    const http::Method method = http::method_of(text);
    if (method == http::Method::kOther) grant.other_methods.push_back(text);
    grant.known_methods |= method_bit(method) & kGivenMethods;
  }
}

std::vector<Grant> make_grants(std::vector<GrantResource>& resources) {
  std::vector<Grant> grants;
  grants.reserve(resources.size());
  for (GrantResource& resource : resources) {
    Grant& grant = grants.emplace_back();
    grant.name = resource.name;
    grant.limit_key = SipHash(0, 0).finish(grant.name);
    give_methods(resource.methods, grant);
    grant.paths = std::move(resource.paths);
    grant.rate = resource.rate;
    grant.expires = resource.expires;
  }
  return grants;
}

Result<void> name_grants(std::vector<GrantResource>& grants) {
  MadeUpNames made_up;
  for (GrantResource& grant : grants) {
    if (grant.name.empty()) grant.name = made_up.next(grant);
  }
  CLV_TRY_VOID(names_of(grants, "grant"));
  return ok();
}

Result<std::vector<PairedGrant>> pair_grants(const std::vector<GrantResource>& grants,
                                             const Names& principals, const Names& upstreams, Roles& roles) {
  std::vector<PairedGrant> pairs;
  pairs.reserve(grants.size());
  for (std::uint32_t i = 0; i < grants.size(); ++i) {
    const GrantResource& grant = grants[i];
    const UpstreamIndex upstream = CLV_TRY(upstreams.find(grant.upstream, "grant", grant.place));
    Subject subject = 0;
    if (grant.role.empty()) {
      subject = CLV_TRY(principals.find(grant.principal, "grant", grant.place));
    } else {
      subject = kRole | roles.number(grant.role);
    }
    pairs.push_back({.pair = pair_of(subject, upstream), .grant = i});
  }
  std::ranges::sort(pairs);  // by pair, and within it in the order written
  return pairs;
}

}  // namespace

Result<std::shared_ptr<const Snapshot>> Snapshot::compile(Resources resources, std::uint64_t revision) {
  const Names upstreams = CLV_TRY(names_of(resources.upstreams, "upstream"));
  const Names principals = CLV_TRY(names_of(resources.principals, "principal"));
  CLV_TRY_VOID(check_credentials(resources, upstreams));
  CLV_TRY_VOID(name_grants(resources.grants));
  Roles roles;
  const std::vector<PairedGrant> pairs = CLV_TRY(pair_grants(resources.grants, principals, upstreams, roles));

  const std::shared_ptr<Snapshot> snapshot(new Snapshot());
  snapshot->revision_ = revision;
  snapshot->principals_ = make_principals(resources.principals, roles);
  snapshot->keys_ = CLV_TRY(make_keys(resources.api_keys, principals));
  snapshot->grants_ = make_grants(resources.grants);

  auto index = std::make_unique<Index>();
  crypto::random_bytes(std::as_writable_bytes(std::span(&index->seed, 1)));
  CLV_TRY_VOID(index->add_keys(snapshot->keys_, resources.api_keys));
  index->add_pairs(pairs);
  snapshot->upstreams_.reserve(resources.upstreams.size());
  for (UpstreamResource& upstream : resources.upstreams)
    snapshot->upstreams_.push_back({std::move(upstream)});
  CLV_TRY_VOID(index->add_mounts(snapshot->upstreams_));
  snapshot->credentials_ = std::move(resources.credentials);
  snapshot->index_ = std::move(index);
  return std::shared_ptr<const Snapshot>(snapshot);
}

}  // namespace claviger::policy
