// SPDX-License-Identifier: Apache-2.0
#include "gateway/world.h"

#include <algorithm>
#include <utility>

#include "credentials/catalog.h"
#include "gateway/destination.h"
#include "gateway/external_secrets.h"
#include "gateway/strip_names.h"
#include "gateway/token_endpoint.h"
#include "http/path.h"
#include "vault/reference.h"

namespace claviger::gateway {
namespace {

using policy::CredentialState;

// --- Settings ------------------------------------------------------------------------------------

Result<void> check_auth(const base::Document& auth) {
  if (auth.type == base::Document::Type::kNull) return ok();
  const credentials::Kind* kind = CLV_TRY(credentials::find_kind(auth));
  return kind->check(auth);
}

Result<const credentials::Kind*> kind_of(const policy::CredentialResource& credential,
                                         const policy::UpstreamResource& upstream) {
  const base::Document& auth = auth_of(credential, upstream);
  if (auth.type == base::Document::Type::kNull)
    return base::invalid_at(
        credential.place,
        "credential '" + credential.name + "': neither it nor its upstream says `auth: { kind: ... }`");
  const credentials::Kind* kind = CLV_TRY(credentials::find_kind(auth));
  CLV_TRY_VOID(kind->check(auth));
  if (const std::string_view why = kind->needs_tls(auth); !why.empty() && !upstream.base_url.tls)
    return base::invalid_at(credential.place, "credential '" + credential.name +
                                                  "': its upstream has to be https: " + std::string(why));
  return kind;
}

Result<void> check_source(const policy::CredentialResource& credential) {
  if (const auto form = vault::SecretReference::parse(credential.from); !form.has_value())
    return base::invalid_at(credential.place,
                            "credential '" + credential.name + "': " + std::string(form.error().what()));
  return ok();
}

// --- One upstream --------------------------------------------------------------------------------

class UpstreamBuilder {
 public:
  // `goes_on`: what is wrong with secrets and CA files is noted instead of ending it.
  UpstreamBuilder(const WorldSettings& settings, vault::ProcessKey& key, SecretProvider& secrets,
                  const UpstreamTable* before, bool goes_on)
      : settings_(settings), key_(key), secrets_(secrets), trusts_(before), goes_on_(goes_on) {}

  Result<std::shared_ptr<const UpstreamRuntime>> build(std::shared_ptr<const policy::Upstream> source);

 private:
  Result<void> add(const policy::CredentialResource& resource, UpstreamRuntime& upstream);
  Result<std::unique_ptr<const credentials::Credential>> make(const policy::CredentialResource& resource,
                                                              const credentials::Kind& kind,
                                                              const UpstreamRuntime& upstream,
                                                              std::shared_ptr<const TokenSource>& tokens);

  const WorldSettings& settings_;
  vault::ProcessKey& key_;
  SecretProvider& secrets_;
  TrustCache trusts_;
  bool goes_on_;
};

// A caller's own value for what the credential sets is none of the logs' business, whatever the upstream's rules say.
std::vector<std::string> shown_queries_of(const UpstreamRuntime& upstream) {
  std::vector<std::string> shown = upstream.resource->record.shown_queries();
  std::erase_if(shown, [&](const std::string& name) {
    return std::ranges::any_of(upstream.strip_queries, [&](const std::string& wanted) {
      return http::is_query_parameter(name.substr(0, name.find('[')), wanted);
    });
  });
  return shown;
}

Result<std::shared_ptr<const UpstreamRuntime>> UpstreamBuilder::build(
    std::shared_ptr<const policy::Upstream> source) {
  auto upstream = std::make_shared<UpstreamRuntime>();
  upstream->source = std::move(source);
  upstream->resource = &upstream->source->resource;
  CLV_TRY_VOID(check_auth(upstream->resource->auth));
  const auto placed = set_destination(*upstream, settings_, trusts_);
  if (!placed.has_value() && !goes_on_) return placed.error();
  for (const policy::CredentialResource& credential : upstream->source->credentials) {
    if (placed.has_value()) CLV_TRY_VOID(add(credential, *upstream));
    else upstream->unusable.push_back({credential.name, std::string(placed.error().what())});
  }
  upstream->shown_queries = shown_queries_of(*upstream);
  return std::shared_ptr<const UpstreamRuntime>(std::move(upstream));
}

Result<std::unique_ptr<const credentials::Credential>> UpstreamBuilder::make(
    const policy::CredentialResource& resource, const credentials::Kind& kind,
    const UpstreamRuntime& upstream, std::shared_ptr<const TokenSource>& tokens) {
  if (resource.state == CredentialState::kUnbound)
    return Error(Code::kInvalid, Blame::kOperator,
                 "is unbound: where its secret would go was changed; set the secret again with "
                 "`claviger credential set`");
  if (resource.state == CredentialState::kMissing)
    return Error(Code::kInvalid, Blame::kOperator,
                 "has no secret yet; set one with `claviger credential set`");
  const CaFile token_ca = CLV_TRY(read_token_ca(resource, *upstream.resource));
  const std::string destination =
      digest_destination(*upstream.resource, resource, upstream.ca_digest, token_ca.digest);
  if (settings_.external != nullptr && !resource.from.empty())
    CLV_TRY_VOID(settings_.external->check(resource, *upstream.resource));
  base::SecretBytes secret = CLV_TRY(secrets_.read(resource, destination));
  auto made = CLV_TRY(kind.make({.name = resource.name,
                                 .auth = auth_of(resource, *upstream.resource),
                                 .secret = std::move(secret),
                                 .bound_to = destination,
                                 .over_tls = upstream.resource->base_url.tls,
                                 .masked = upstream.resource->answers.mask},
                                key_));
  if (!made->fetcher()) return made;
  if (settings_.tokens == nullptr)
    return Error(Code::kInvalid, Blame::kOperator, "needs a token, and nothing here fetches any");
  tokens = CLV_TRY(make_token_source(resource, *made, upstream, destination, token_ca, settings_, trusts_));
  return made;
}

Result<void> UpstreamBuilder::add(const policy::CredentialResource& resource, UpstreamRuntime& upstream) {
  const credentials::Kind* kind = CLV_TRY(kind_of(resource, *upstream.resource));
  if (resource.state == CredentialState::kDisabled || resource.state == CredentialState::kRevoked)
    return ok();
  std::shared_ptr<const TokenSource> tokens;
  auto made = make(resource, *kind, upstream, tokens);
  if (!made.has_value()) {
    const std::string who = "credential '" + resource.name + "': ";
    std::string_view why = made.error().what();
    if (why.starts_with(who)) why.remove_prefix(who.size());
    if (!goes_on_ && made.error().code() != Code::kNoCredential)
      return base::invalid_at(resource.place, who + std::string(why));
    upstream.unusable.push_back({resource.name, std::string(why)});
    return ok();
  }
  const credentials::Credential& credential = **made;
  if (!credential.field_name().empty()) upstream.strip_fields.push_back(fold_name(credential.field_name()));
  for (const std::string_view name : credential.more_field_names())
    upstream.strip_fields.push_back(fold_name(name));
  if (!credential.query_name().empty()) upstream.strip_queries.emplace_back(credential.query_name());
  for (const std::string_view name : credential.more_query_names()) upstream.strip_queries.emplace_back(name);
  auto life = settings_.lives != nullptr
                  ? settings_.lives->of(resource)
                  : std::make_shared<CredentialLife>(resource.name, resource.upstream, resource.version);
  life->set_good_until(credential.good_until());
  upstream.credentials.push_back({.credential = *std::move(made), .version = resource.version, .life = life});
  if (tokens) {
    upstream.credentials.back().tokens = settings_.tokens->cell(*tokens);
    upstream.credentials.back().token_source = std::move(tokens);
  }
  bind_connections(upstream.credentials.back(), upstream);
  upstream.masks |=
      upstream.resource->answers.mask && (!credential.echoes().is_empty() || credential.fetcher() != nullptr);
  return ok();
}

// --- All of them ---------------------------------------------------------------------------------

using Sources = std::span<const std::shared_ptr<const policy::Upstream>>;

// Of position `i`, what was made of the same upstream before; null when it is another, or none.
std::shared_ptr<const UpstreamRuntime> same_as_before(const UpstreamTable* before, const Sources& sources,
                                                      std::size_t i) {
  if (before == nullptr || i >= before->size() || !(*before)[i]) return nullptr;
  return (*before)[i]->source == sources[i] ? (*before)[i] : nullptr;
}

bool is_same_table(const UpstreamTable* before, const Sources& sources) {
  if (before == nullptr || before->size() != sources.size()) return false;
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (((*before)[i] ? (*before)[i]->source : nullptr) != sources[i]) return false;
  return true;
}

}  // namespace

Result<std::shared_ptr<const World>> build_world(std::shared_ptr<const policy::Snapshot> snapshot,
                                                 const World* before, const WorldSettings& settings,
                                                 vault::ProcessKey& key, SecretProvider& secrets,
                                                 std::vector<UnusableCredential>* unusable) {
  const UpstreamTable* known = before != nullptr ? before->upstreams.get() : nullptr;
  const Sources sources = snapshot->upstreams();
  auto world = std::make_shared<World>();
  if (is_same_table(known, sources)) {
    world->upstreams = before->upstreams;
  } else {
    UpstreamBuilder builder(settings, key, secrets, known, unusable != nullptr);
    auto table = std::make_shared<UpstreamTable>(sources.size());
    for (std::size_t i = 0; i < sources.size(); ++i) {
      (*table)[i] = same_as_before(known, sources, i);
      if (!(*table)[i] && sources[i]) (*table)[i] = CLV_TRY(builder.build(sources[i]));
    }
    world->upstreams = std::move(table);
  }
  world->policy = std::move(snapshot);
  if (unusable != nullptr) {
    for (const auto& upstream : *world->upstreams)
      if (upstream) unusable->insert(unusable->end(), upstream->unusable.begin(), upstream->unusable.end());
  }
  return std::shared_ptr<const World>(std::move(world));
}

// --- Checks --------------------------------------------------------------------------------------

Result<void> check_resource(const policy::Resource& resource) {
  if (const auto* upstream = std::get_if<policy::UpstreamResource>(&resource)) {
    CLV_TRY_VOID(check_auth(upstream->auth));
    if (upstream->tls.ca.empty())
      return ok();  // nothing of its own to load; the system's store takes its time
    UpstreamRuntime runtime;
    runtime.resource = upstream;
    TrustCache trusts(nullptr);
    return set_destination(runtime, {}, trusts);
  }
  if (const auto* credential = std::get_if<policy::CredentialResource>(&resource)) {
    CLV_TRY_VOID(check_auth(credential->auth));
    TrustCache trusts(nullptr);
    CLV_TRY_VOID(check_token_ca(*credential, {}, trusts));
    if (!credential->from.empty()) return check_source(*credential);
  }
  return ok();
}

Result<void> check_resources(policy::Resources resources) {
  const auto snapshot = CLV_TRY(policy::Snapshot::compile(std::move(resources), 0));
  TrustCache trusts(nullptr);
  for (const auto& upstream : snapshot->upstreams()) {
    if (!upstream) continue;
    CLV_TRY_VOID(check_auth(upstream->resource.auth));
    UpstreamRuntime runtime;
    runtime.resource = &upstream->resource;
    CLV_TRY_VOID(set_destination(runtime, {}, trusts));
    for (const policy::CredentialResource& credential : upstream->credentials) {
      CLV_TRY(kind_of(credential, upstream->resource));
      CLV_TRY_VOID(check_token_ca(credential, upstream->resource, trusts));
      CLV_TRY_VOID(check_source(credential));
    }
  }
  return ok();
}

}  // namespace claviger::gateway
