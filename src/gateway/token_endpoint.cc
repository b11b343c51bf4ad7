// SPDX-License-Identifier: Apache-2.0
#include "gateway/token_endpoint.h"

#include <utility>

#include "credentials/catalog.h"

namespace claviger::gateway {
namespace {

// Settings that are wrong are somebody else's to complain of.
std::optional<credentials::TokenEndpoint> endpoint_of(const base::Document& auth) {
  if (auth.type == base::Document::Type::kNull) return std::nullopt;
  const auto kind = credentials::find_kind(auth);
  if (!kind.has_value() || !(*kind)->check(auth).has_value()) return std::nullopt;
  return (*kind)->token_endpoint(auth);
}

http::FetchTarget target_of(const credentials::TokenEndpoint& endpoint, const WorldSettings& settings,
                            std::shared_ptr<const net::ClientTrust> trust) {
  const http::BaseUrl& url = *endpoint.url;
  http::FetchTarget target{
      .destination = {.host = url.host,
                      .port = static_cast<std::uint16_t>(url.port),
                      .rules = {endpoint.allow_private, endpoint.allowed, settings.own_listeners}},
      .tls = nullptr,
      .authority = url.authority};
  if (url.tls)
    target.tls = std::make_shared<net::ClientTls>(
        std::move(trust),
        net::ClientTlsOptions{
            .server_name = url.host, .name_is_ip = url.host_is_ip, .pins = {}, .tls13_only = false});
  return target;
}

}  // namespace

Result<CaFile> read_token_ca(const policy::CredentialResource& credential,
                             const policy::UpstreamResource& upstream) {
  const auto endpoint = endpoint_of(auth_of(credential, upstream));
  if (!endpoint) return CaFile();
  return read_ca(endpoint->ca, "auth.ca");
}

Result<void> check_token_ca(const policy::CredentialResource& credential,
                            const policy::UpstreamResource& upstream, TrustCache& trusts) {
  auto ca = read_token_ca(credential, upstream);
  if (ca.has_value() && ca->digest.empty()) return ok();
  const auto named = [&](const Error& error) {
    return base::invalid_at(credential.place,
                            "credential '" + credential.name + "': " + std::string(error.what()));
  };
  if (!ca.has_value()) return named(ca.error());
  const auto trust = trusts.find(*ca);
  if (!trust.has_value()) return named(trust.error().within("auth.ca"));
  return ok();
}

Result<std::shared_ptr<const TokenSource>> make_token_source(const policy::CredentialResource& resource,
                                                             const credentials::Credential& credential,
                                                             const UpstreamRuntime& upstream,
                                                             std::string destination, const CaFile& ca,
                                                             const WorldSettings& settings,
                                                             TrustCache& trusts) {
  auto source = std::make_shared<TokenSource>();
  source->credential = resource.name;
  source->upstream = upstream.resource->name;
  source->destination = std::move(destination);
  source->version = resource.version;
  source->is_kept_elsewhere = !resource.from.empty();
  source->masked = upstream.resource->answers.mask;
  source->fetcher = credential.fetcher();
  const credentials::TokenEndpoint& endpoint = source->fetcher->endpoint();
  if (endpoint.url) {
    std::shared_ptr<const net::ClientTrust> trust;
    if (endpoint.url->tls) {
      auto loaded = trusts.find(ca);
      if (!loaded.has_value()) return loaded.error().within("auth.ca '" + endpoint.ca + "'");
      trust = *std::move(loaded);
    }
    source->target = endpoint.target;
    source->targets.push_back(target_of(endpoint, settings, std::move(trust)));
  } else {
    // The upstream's own: the same addresses, rules and trust as calls.
    source->target = upstream.resource->base_url.path + endpoint.target;
    for (const UpstreamEndpoint& each : *upstream.endpoints)
      source->targets.push_back(
          {.destination = each.destination, .tls = each.tls, .authority = each.authority});
  }
  return std::shared_ptr<const TokenSource>(std::move(source));
}

}  // namespace claviger::gateway
