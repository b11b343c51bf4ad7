// SPDX-License-Identifier: Apache-2.0
#pragma once

// Resources as they are written down (interface: "Resources"), each checked for itself. What they mean
// together (references, duplicates) is for Snapshot::compile.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/document.h"
#include "base/ip.h"
#include "base/result.h"
#include "crypto/hash.h"
#include "http/path.h"
#include "policy/credential_state.h"
#include "policy/denied_paths.h"
#include "policy/glob.h"
#include "policy/rate.h"
#include "policy/record_rules.h"

namespace claviger::policy {

// Which addresses an upstream may resolve to besides public ones.
struct PrivateAddresses {
  bool all = false;
  std::vector<base::Cidr> ranges;
};

struct UpstreamTls {
  std::string ca;           // PEM file; empty: the system's store
  std::string server_name;  // for SNI and verification; empty: the base URL's host
  std::vector<crypto::Sha256Digest>
      pins;  // of public keys (RFC 7469 section 2.4), one of which the chain has; empty: any
  bool tls13_only = false;  // `min_version: "1.3"`
};

// How long an upstream may take. Defaults are generous to slow models, not to dead peers.
struct UpstreamTimeouts {
  std::chrono::milliseconds connect{
      std::chrono::seconds(10)};     // name, TCP and TLS together, over all addresses
  std::chrono::milliseconds tls{std::chrono::seconds(5)};          // of it, one TLS handshake
  std::chrono::milliseconds first_byte{
      std::chrono::seconds(120)}; // from the request's end to the answer's head
  std::chrono::milliseconds idle{std::chrono::seconds(120)};       // between two reads or writes of a body
  std::chrono::milliseconds total{
      std::chrono::hours(12)};         // of a call, from its head to its answer's last byte
};

enum class EncodedSlash : std::uint8_t { kRefuse, kOpaque };

// What of its answers is kept from callers.
struct AnswerRules {
  bool mask =
      true;  // credentials that come back are overwritten; nothing coded or partial is asked for, or passed on
  bool pass_cookies = false;  // `cookies: pass`: Set-Cookie goes on
};

inline constexpr std::size_t kMaxBaseUrls = 16;  // of one upstream

struct UpstreamResource {
  base::Place place;
  std::string name;
  std::string mount;  // "/openai": one to four segments, canonical, no trailing slash
  http::BaseUrl base_url;  // the first
  std::vector<http::BaseUrl>
      other_base_urls;  // of the same API: same scheme, same path, other hosts or ports
  base::Document auth;  // for credentials::Kind; kNull when absent
  PrivateAddresses allow_private_addresses;
  bool allow_plaintext = false;
  EncodedSlash encoded_slash = EncodedSlash::kRefuse;
  UpstreamTls tls;
  UpstreamTimeouts timeouts;
  AnswerRules answers;
  DeniedPaths deny_paths;  // to everybody, whatever a grant says
  RecordRules record;
};

inline constexpr std::chrono::seconds kRotateAfter = std::chrono::days(90);

struct CredentialResource {
  base::Place place;
  std::string name;
  std::string upstream;
  base::Document auth;  // kNull: the upstream's
  std::string from;  // "env:NAME" or "file:PATH"; empty when absent
  std::optional<std::chrono::seconds> rotate_after = kRotateAfter;  // none: never
  std::optional<WallTime> expires;
  // Set by management (vault, registry), not in YAML: a credential that is not active is not used. Never a state that is found out.
  CredentialState state = CredentialState::kActive;
  std::uint32_t version = 0;  // of the secret in the vault; 0: none, or from elsewhere
  std::uint64_t id = 0;  // of its record; 0: it has none
  WallTime set_at{};  // of that version; 1970: none
  WallTime rotation_required{};  // since an incident: it needs another secret; 1970: it does not
};

// What a principal may do on the management API.
enum class Management : std::uint8_t { kNone, kRead, kAdmin };

struct PrincipalResource {
  base::Place place;
  std::string name;
  std::string type = "service";  // service | agent | user
  std::vector<std::string> roles;
  bool disabled = false;
  Management management = Management::kNone;  // `management: none | read | admin`
  // Names in client certificates that are this principal: "dns:host", "uri:spiffe://...", "email:...", or
  // "sha256:<hex of the certificate's DER>" (net/tls.h: PeerCertificate). No two principals share one.
  std::vector<std::string> certificates;
};

struct ApiKeyResource {
  base::Place place;
  std::string name;  // the <id> of clv_<id>_...
  std::string principal;
  crypto::Sha256Digest hash{};
  std::vector<base::Cidr> cidrs;  // empty: from anywhere
  std::optional<WallTime> expires;
  bool revoked = false;  // set by management, not in YAML
};

// "100000/d": so many calls in each window that begins at a multiple of it since 1970 (so days are UTC days).
// Survives restarts, unlike a rate (policy/quota.h).
struct Quota {
  std::uint64_t calls = 0;
  std::chrono::seconds window{0};
  friend bool operator==(const Quota&, const Quota&) = default;
};
// "100000/d": 1 to 10^12 calls, unit min, h or d.
Result<Quota> parse_quota(std::string_view text);

struct GrantResource {
  base::Place place;
  std::string name;  // optional in files; made up when absent: grant_names.h
  std::string principal;  // exactly one of principal and role
  std::string role;
  std::string upstream;
  std::vector<std::string> methods;  // empty: all but TRACE and CONNECT, which no grant can give
  std::vector<Glob> paths;  // of the path below the mount; empty: all
  std::optional<Rate> rate;
  std::optional<Quota> quota;  // of each principal that uses the grant
  std::optional<WallTime> expires;
};

// The kinds of resources, by the words of `kind:`.
enum class Kind : std::uint8_t { kUpstream, kCredential, kPrincipal, kApiKey, kGrant };
std::string_view kind_name(Kind kind) noexcept;  // "api_key"
std::string_view plural_name(Kind kind) noexcept;  // "api_keys"
std::optional<Kind> parse_kind(std::string_view name) noexcept;  // either

using Resource =
    std::variant<UpstreamResource, CredentialResource, PrincipalResource, ApiKeyResource, GrantResource>;
Kind kind_of(const Resource& resource) noexcept;
const std::string& name_of(const Resource& resource) noexcept;
// Reads one resource (a map with `kind`). kInvalid names file, line, and what is wrong.
Result<Resource> read_resource(const base::Document& document);

struct Resources {
  std::vector<UpstreamResource> upstreams;
  std::vector<CredentialResource> credentials;
  std::vector<PrincipalResource> principals;
  std::vector<ApiKeyResource> api_keys;
  std::vector<GrantResource> grants;
};

// read_resource(), and adds it.
Result<void> add_resource(const base::Document& document, Resources& out);

}  // namespace claviger::policy
