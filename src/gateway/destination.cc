// SPDX-License-Identifier: Apache-2.0
#include "gateway/destination.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/file_trust.h"
#include "base/parse.h"
#include "crypto/hash.h"
#include "gateway/token_endpoint.h"
#include "net/client_identity.h"

namespace claviger::gateway {
namespace {

constexpr std::size_t kMaxCaFile = std::size_t{4} << 20;

Error wrong_ca(const policy::UpstreamResource& upstream, std::string_view what) {
  const std::string who = "upstream '" + upstream.name + "'";
  // What comes from a store has its name for a place.
  if (base::format_place(upstream.place) == who) return base::invalid_at(upstream.place, what);
  return base::invalid_at(upstream.place, who + ": " + std::string(what));
}

// All of it; nothing when it cannot be read, is empty, no regular file, or out of proportion.
std::string read_regular_file(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return {};
  std::string text;
  return base::read_all(fd, kMaxCaFile, text) ? text : std::string();
}

void append_text(std::string& out, char type, std::string_view text) {
  out += type;
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

// One text for settings that say the same: whatever the order of a map and the quoting, and no two settings alike.
void append_settings(std::string& out, const base::Document& node) {
  using Type = base::Document::Type;
  if (node.type == Type::kNull) out += 'n';
  if (node.type == Type::kScalar) append_text(out, 's', node.scalar);
  if (node.type == Type::kList) {
    out += 'l' + std::to_string(node.items.size()) + ':';
    for (const base::Document& item : node.items) append_settings(out, item);
  }
  if (node.type != Type::kMap) return;
  std::vector<const base::DocumentEntry*> entries;
  for (const base::DocumentEntry& entry : node.entries) entries.push_back(&entry);
  std::ranges::sort(entries, {}, &base::DocumentEntry::first);
  out += 'm' + std::to_string(entries.size()) + ':';
  for (const base::DocumentEntry* entry : entries) {
    append_text(out, 'k', entry->first);
    append_settings(out, entry->second);
  }
}

std::vector<const http::BaseUrl*> base_urls(const policy::UpstreamResource& resource) {
  std::vector<const http::BaseUrl*> urls{&resource.base_url};
  for (const http::BaseUrl& other : resource.other_base_urls) urls.push_back(&other);
  return urls;
}

// The base URLs, one text for the same set in whatever order. They differ in host and port alone.
std::string addresses_of(const policy::UpstreamResource& resource) {
  std::vector<std::string> addresses;
  for (const http::BaseUrl* url : base_urls(resource))
    addresses.push_back(url->host + "|" + std::to_string(url->port));
  std::ranges::sort(addresses);
  std::string text;
  for (const std::string& address : addresses) append_text(text, 'a', address);
  return text;
}

std::string pins_of(const policy::UpstreamTls& tls) {
  std::vector<std::string> pins;
  for (const crypto::Sha256Digest& pin : tls.pins) pins.push_back(base::format_hex(pin));
  std::ranges::sort(pins);
  const auto repeated = std::ranges::unique(pins);
  pins.erase(repeated.begin(), repeated.end());
  std::string text;
  for (const std::string& pin : pins) append_text(text, 'p', pin);
  return text;
}

std::string_view least_version(const policy::UpstreamTls& tls) {
  return tls.tls13_only ? "TLS 1.3" : "TLS 1.2";
}

std::string pool_key(const policy::UpstreamResource& resource, const std::string& ca_digest) {
  // A pool is one upstream's: connections that carried another's credentials are not shared, whatever the address.
  std::string key = resource.name + "|" + (resource.base_url.tls ? "https" : "http") + "|" +
                    addresses_of(resource) + "|" + ca_digest + "|" + resource.tls.server_name + "|" +
                    pins_of(resource.tls) + "|" + std::string(least_version(resource.tls)) + "|" +
                    (resource.allow_private_addresses.all ? "all" : "");
  for (const auto& range : resource.allow_private_addresses.ranges)
    key += "|" + base::format_ip(range.network) + "/" + std::to_string(range.prefix);
  return key;
}

}  // namespace

// --- CA files ------------------------------------------------------------------------------------

// To put another certificate into it is to change whom a secret is sent to.
Result<CaFile> read_ca(const std::string& path, std::string_view what) {
  if (path.empty()) return CaFile();
  const std::string name = std::string(what) + " '" + path + "'";
  const auto unreadable = [&] {
    return Error::formatted(Code::kInvalid, Blame::kOperator, name + " cannot be read");
  };
  const base::Descriptor file(path, O_RDONLY | O_NONBLOCK);  // a FIFO must not hang us
  if (!file.is_open()) return unreadable();
  if (const auto trusted = base::check_not_writable_by_others(file.number(), path); !trusted.has_value())
    return trusted.error().within(what);
  CaFile ca{read_regular_file(file.number()), {}};
  if (ca.pem.empty()) return unreadable();
  ca.digest = base::format_hex(crypto::Sha256().digest(ca.pem));
  return ca;
}

Result<CaFile> read_ca_file(const policy::UpstreamResource& upstream) {
  auto ca = read_ca(upstream.tls.ca, "tls.ca");
  if (!ca.has_value()) return wrong_ca(upstream, ca.error().what());
  return ca;
}

TrustCache::TrustCache(const UpstreamTable* known) {
  if (known == nullptr) return;
  for (const auto& upstream : *known)
    if (upstream && upstream->endpoints && upstream->endpoints->front().tls)
      by_digest_.emplace(upstream->ca_digest, upstream->endpoints->front().tls->trust());
}

Result<std::shared_ptr<const net::ClientTrust>> TrustCache::find(const CaFile& ca) {
  auto& trust = by_digest_[ca.digest];
  if (!trust)
    trust = CLV_TRY(ca.digest.empty() ? net::ClientTrust::of_system() : net::ClientTrust::of_pem(ca.pem));
  return trust;
}

namespace {

Result<std::shared_ptr<const net::ClientTrust>> load_trust(const policy::UpstreamResource& upstream,
                                                           const CaFile& ca, TrustCache& trusts) {
  auto trust = trusts.find(ca);
  if (trust.has_value()) return trust;
  const std::string where = upstream.tls.ca.empty() ? std::string() : upstream.tls.ca + ": ";
  return wrong_ca(upstream, where + std::string(trust.error().what()));
}

}  // namespace

// An upstream whose CA file was no good before has no endpoints.
Result<void> check_ca_files(const UpstreamTable& upstreams) {
  TrustCache trusts(&upstreams);
  for (const auto& upstream : upstreams) {
    if (!upstream || !upstream->endpoints) continue;
    for (const policy::CredentialResource& credential : upstream->source->credentials)
      CLV_TRY_VOID(check_token_ca(credential, *upstream->resource, trusts));
    if (upstream->resource->tls.ca.empty()) continue;
    const CaFile ca = CLV_TRY(read_ca_file(*upstream->resource));
    CLV_TRY(load_trust(*upstream->resource, ca, trusts));
  }
  return ok();
}

// --- Destinations --------------------------------------------------------------------------------

namespace {

// Null when there is no TLS. The name that is verified is the URL's own, unless one is given for all.
std::shared_ptr<net::ClientTls> make_tls(const policy::UpstreamResource& resource, const http::BaseUrl& url,
                                         const std::shared_ptr<const net::ClientTrust>& trust) {
  if (!url.tls) return nullptr;
  const std::string& name = resource.tls.server_name.empty() ? url.host : resource.tls.server_name;
  return std::make_shared<net::ClientTls>(
      trust, net::ClientTlsOptions{.server_name = name,
                                   .name_is_ip = base::parse_ip(name).has_value(),
                                   .pins = resource.tls.pins,
                                   .tls13_only = resource.tls.tls13_only});
}

}  // namespace

Result<void> set_destination(UpstreamRuntime& upstream, const WorldSettings& settings, TrustCache& trusts) {
  const policy::UpstreamResource& resource = *upstream.resource;
  const CaFile ca = CLV_TRY(read_ca_file(resource));
  std::shared_ptr<const net::ClientTrust> trust;
  if (resource.base_url.tls) trust = CLV_TRY(load_trust(resource, ca, trusts));
  auto endpoints = std::make_shared<std::vector<UpstreamEndpoint>>();
  for (const http::BaseUrl* url : base_urls(resource)) {
    const auto port = static_cast<std::uint16_t>(url->port);
    endpoints->push_back(
        {.authority = url->authority,
         .destination = {.host = url->host,
                         .port = port,
                         .rules = {resource.allow_private_addresses.all,
                                   resource.allow_private_addresses.ranges, settings.own_listeners}},
         .tls = make_tls(resource, *url, trust)});
  }
  upstream.endpoints = std::move(endpoints);
  upstream.ca_digest = ca.digest;
  upstream.pool_key = pool_key(resource, ca.digest);
  return ok();
}

void bind_connections(ReadyCredential& credential, const UpstreamRuntime& upstream) {
  const auto& identity = credential.credential->identity();
  if (!identity) return;
  auto endpoints = std::make_shared<std::vector<UpstreamEndpoint>>(*upstream.endpoints);
  for (UpstreamEndpoint& endpoint : *endpoints) {
    net::ClientTlsOptions options = endpoint.tls->options();
    options.identity = identity;
    endpoint.tls = std::make_shared<net::ClientTls>(endpoint.tls->trust(), std::move(options));
  }
  credential.endpoints = std::move(endpoints);
  credential.pool_key = upstream.pool_key + "|" + credential.credential->name() + "|" +
                        std::to_string(credential.version) + "|" + identity->fingerprint();
}

const base::Document& auth_of(const policy::CredentialResource& credential,
                              const policy::UpstreamResource& upstream) noexcept {
  return credential.auth.type == base::Document::Type::kNull ? upstream.auth : credential.auth;
}

namespace {

// What is written with one base URL, no pins and no least version has the digest it had before there were any: secrets
// stay bound to it.
bool is_first_form(const policy::UpstreamResource& upstream) {
  return upstream.other_base_urls.empty() && upstream.tls.pins.empty() && !upstream.tls.tls13_only;
}

}  // namespace

std::string digest_destination(const policy::UpstreamResource& upstream,
                               const policy::CredentialResource& credential, std::string_view ca_digest,
                               std::string_view token_ca_digest) {
  std::string settings;
  append_settings(settings, auth_of(credential, upstream));
  if (!token_ca_digest.empty()) append_text(settings, 'c', token_ca_digest);
  const http::BaseUrl& url = upstream.base_url;
  const std::string_view scheme = url.tls ? "https" : "http";
  if (is_first_form(upstream)) {
    const std::string port = std::to_string(url.port);
    const std::string_view parts[] = {
        "claviger destination 1", credential.name, upstream.name, scheme, url.host, port, url.path, ca_digest,
        upstream.tls.server_name, settings};
    return base::format_hex(crypto::Sha256().digest_parts(parts));
  }
  const std::string addresses = addresses_of(upstream);
  const std::string pins = pins_of(upstream.tls);
  const std::string_view parts[] = {"claviger destination 2",
                                    credential.name,
                                    upstream.name,
                                    scheme,
                                    addresses,
                                    url.path,
                                    ca_digest,
                                    upstream.tls.server_name,
                                    pins,
                                    least_version(upstream.tls),
                                    settings};
  return base::format_hex(crypto::Sha256().digest_parts(parts));
}

Result<std::string> destination_digest(const policy::UpstreamResource& upstream,
                                       const policy::CredentialResource& credential) {
  const CaFile ca = CLV_TRY(read_ca_file(upstream));
  const CaFile token_ca = CLV_TRY(read_token_ca(credential, upstream));
  return digest_destination(upstream, credential, ca.digest, token_ca.digest);
}

}  // namespace claviger::gateway
