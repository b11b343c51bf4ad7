// SPDX-License-Identifier: Apache-2.0
#include "gateway/world.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <unordered_map>

#include "base/file_trust.h"
#include "base/parse.h"
#include "credentials/catalog.h"
#include "crypto/hash.h"
#include "gateway/strip_names.h"

namespace claviger::gateway {
namespace {

const base::Document& auth_of(const policy::CredentialResource& credential,
                              const policy::UpstreamResource& upstream) {
  return credential.auth.type == base::Document::Type::kNull ? upstream.auth : credential.auth;
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
  return kind;
}

// One text for settings, whatever order or quoting they were written in is kept: any change counts.
void append_settings(std::string& out, const base::Document& node) {
  out += node.scalar;
  for (const auto& item : node.items) append_settings(out += "[", item);
  for (const auto& [key, value] : node.entries) append_settings(out += "{" + key + "=", value);
  out += ";";
}

// The content of the CA file: to put another certificate into it is to change whom a secret is sent to.
Result<std::string> digest_of_ca(const policy::UpstreamResource& resource) {
  if (resource.tls.ca.empty()) return std::string();
  const int fd = ::open(resource.tls.ca.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    const auto trusted = base::check_not_writable_by_others(fd, resource.tls.ca);
    ::close(fd);
    if (!trusted.has_value())
      return base::invalid_at(
          resource.place, "upstream '" + resource.name + "': tls.ca: " + std::string(trusted.error().what()));
  }
  std::ifstream file(resource.tls.ca, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || text.empty())
    return base::invalid_at(
        resource.place, "upstream '" + resource.name + "': tls.ca '" + resource.tls.ca + "' cannot be read");
  return base::format_hex(crypto::Sha256().digest(text));
}

// What a sealed secret is bound to: who it is, and every setting that decides where it goes.
std::string binding(const policy::CredentialResource& credential, const UpstreamRuntime& runtime) {
  const policy::UpstreamResource& upstream = *runtime.resource;
  std::string settings;
  append_settings(settings, auth_of(credential, upstream));
  const std::string port = std::to_string(upstream.base_url.port);
  const std::string_view parts[] = {"credential",
                                    credential.name,
                                    upstream.name,
                                    upstream.base_url.tls ? "https" : "http",
                                    upstream.base_url.host,
                                    port,
                                    runtime.ca_digest,
                                    upstream.tls.server_name,
                                    settings};
  return base::format_hex(crypto::Sha256().digest_parts(parts));
}

Result<std::shared_ptr<net::ClientTls>> make_tls(const policy::UpstreamResource& resource) {
  if (!resource.base_url.tls) return std::shared_ptr<net::ClientTls>();
  net::ClientTlsOptions options;
  options.ca_file = resource.tls.ca;
  options.server_name = resource.tls.server_name.empty() ? resource.base_url.host : resource.tls.server_name;
  options.name_is_ip = base::parse_ip(options.server_name).has_value();
  auto tls = net::ClientTls::create(std::move(options));
  if (!tls.has_value())
    return base::invalid_at(resource.place,
                            "upstream '" + resource.name + "': " + std::string(tls.error().what()));
  return *std::move(tls);
}

std::string pool_key(const policy::UpstreamResource& resource, const std::string& ca_digest) {
  // A pool is one upstream's: connections that carried another's credentials are not shared, whatever the address.
  std::string key = resource.name + "|" + (resource.base_url.tls ? "https" : "http") + "|" +
                    resource.base_url.host + "|" + std::to_string(resource.base_url.port) + "|" + ca_digest +
                    "|" + resource.tls.server_name + "|" +
                    (resource.allow_private_addresses.all ? "all" : "");
  for (const auto& range : resource.allow_private_addresses.ranges)
    key += "|" + base::format_ip(range.network) + "/" + std::to_string(range.prefix);
  return key;
}

Result<UpstreamRuntime> make_upstream(const policy::UpstreamResource& resource,
                                      const std::vector<net::Endpoint>& own_listeners) {
  UpstreamRuntime upstream;
  upstream.resource = &resource;
  upstream.destination.host = resource.base_url.host;
  upstream.destination.port = static_cast<std::uint16_t>(resource.base_url.port);
  upstream.destination.rules = {resource.allow_private_addresses.all, resource.allow_private_addresses.ranges,
                                own_listeners};
  upstream.ca_digest = CLV_TRY(digest_of_ca(resource));
  upstream.tls = CLV_TRY(make_tls(resource));
  upstream.pool_key = pool_key(resource, upstream.ca_digest);
  return upstream;
}

Result<void> add_credential(const policy::CredentialResource& resource, UpstreamRuntime& upstream,
                            vault::ProcessKey& key, vault::SecretSources& sources) {
  const credentials::Kind* kind = CLV_TRY(kind_of(resource, *upstream.resource));
  const auto explain = [&](const Error& error) {
    return base::invalid_at(resource.place,
                            "credential '" + resource.name + "': " + std::string(error.what()));
  };
  auto secret = sources.read(resource.from);
  if (!secret.has_value()) return explain(secret.error());
  const std::string bound_to = binding(resource, upstream);
  auto credential =
      kind->make({resource.name, auth_of(resource, *upstream.resource), *std::move(secret), bound_to}, key);
  if (!credential.has_value()) return explain(credential.error());
  if (!(*credential)->field_name().empty())
    upstream.strip_fields.push_back(fold_name((*credential)->field_name()));
  if (!(*credential)->query_name().empty()) upstream.strip_queries.emplace_back((*credential)->query_name());
  upstream.credentials.push_back(*std::move(credential));
  return ok();
}

std::unordered_map<std::string_view, std::size_t> index_upstreams(const policy::Snapshot& snapshot) {
  std::unordered_map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < snapshot.upstreams().size(); ++i)
    index.emplace(snapshot.upstreams()[i].resource.name, i);
  return index;
}

}  // namespace

Result<std::shared_ptr<const World>> build_world(policy::Resources resources, std::uint64_t revision,
                                                 const std::vector<net::Endpoint>& own_listeners,
                                                 vault::ProcessKey& key, vault::SecretSources& sources) {
  auto world = std::make_shared<World>();
  world->policy = CLV_TRY(policy::Snapshot::compile(std::move(resources), revision));
  for (const policy::Upstream& upstream : world->policy->upstreams())
    world->upstreams.push_back(CLV_TRY(make_upstream(upstream.resource, own_listeners)));
  const auto index = index_upstreams(*world->policy);
  for (const policy::CredentialResource& credential : world->policy->credentials())
    CLV_TRY_VOID(add_credential(credential, world->upstreams[index.at(credential.upstream)], key, sources));
  return std::shared_ptr<const World>(std::move(world));
}

Result<void> check_resources(policy::Resources resources) {
  const auto snapshot = CLV_TRY(policy::Snapshot::compile(std::move(resources), 0));
  for (const policy::Upstream& upstream : snapshot->upstreams()) {
    if (upstream.resource.auth.type != base::Document::Type::kNull) {
      const credentials::Kind* kind = CLV_TRY(credentials::find_kind(upstream.resource.auth));
      CLV_TRY_VOID(kind->check(upstream.resource.auth));
    }
    CLV_TRY(make_upstream(upstream.resource, {}));
  }
  const auto index = index_upstreams(*snapshot);
  for (const policy::CredentialResource& credential : snapshot->credentials()) {
    CLV_TRY(kind_of(credential, snapshot->upstreams()[index.at(credential.upstream)].resource));
    if (auto form = vault::SecretSources::check(credential.from); !form.has_value())
      return base::invalid_at(credential.place,
                              "credential '" + credential.name + "': " + std::string(form.error().what()));
  }
  return ok();
}

}  // namespace claviger::gateway
