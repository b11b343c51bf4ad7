// SPDX-License-Identifier: Apache-2.0
#pragma once

// Resources as they are written down (interface: "Resources"), each checked for itself. What they mean
// together (references, duplicates) is for Snapshot::compile.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/document.h"
#include "base/ip.h"
#include "base/result.h"
#include "crypto/hash.h"
#include "http/path.h"
#include "policy/glob.h"
#include "policy/rate.h"

namespace claviger::policy {

// Which addresses an upstream may resolve to besides public ones.
struct PrivateAddresses {
  bool all = false;
  std::vector<base::Cidr> ranges;
};

struct UpstreamTls {
  std::string ca;           // PEM file; empty: the system's store
  std::string server_name;  // for SNI and verification; empty: the base URL's host
};

// How long an upstream may take. Defaults are generous to slow models, not to dead peers.
struct UpstreamTimeouts {
  std::chrono::milliseconds connect{std::chrono::seconds(10)};     // name, TCP and TLS together
  std::chrono::milliseconds first_byte{
      std::chrono::seconds(120)}; // from the request's end to the answer's head
  std::chrono::milliseconds idle{std::chrono::seconds(120)};       // between two reads or writes of a body
};

enum class EncodedSlash : std::uint8_t { kRefuse, kOpaque };

struct UpstreamResource {
  base::Place place;
  std::string name;
  std::string mount;  // "/openai": one to four segments, canonical, no trailing slash
  http::BaseUrl base_url;
  base::Document auth;  // for credentials::Kind; kNull when absent
  PrivateAddresses allow_private_addresses;
  bool allow_plaintext = false;
  EncodedSlash encoded_slash = EncodedSlash::kRefuse;
  UpstreamTls tls;
  UpstreamTimeouts timeouts;
};

struct CredentialResource {
  base::Place place;
  std::string name;
  std::string upstream;
  base::Document auth;  // kNull: the upstream's
  std::string from;     // "env:NAME" or "file:PATH"; empty when absent
};

struct PrincipalResource {
  base::Place place;
  std::string name;
  std::string type = "service";  // service | agent | user
  std::vector<std::string> roles;
  bool disabled = false;
};

struct ApiKeyResource {
  base::Place place;
  std::string name;  // the <id> of clv_<id>_...
  std::string principal;
  crypto::Sha256Digest hash{};
  std::vector<base::Cidr> cidrs;  // empty: from anywhere
  std::optional<WallTime> expires;
};

struct GrantResource {
  base::Place place;
  std::string
      name;  // optional in files; made up as "<principal or role>:<upstream>" (":2" and so on after it) when absent
  std::string principal;  // exactly one of principal and role
  std::string role;
  std::string upstream;
  std::vector<std::string> methods;  // empty: all but TRACE and CONNECT, which no grant can give
  std::vector<Glob> paths;  // of the path below the mount; empty: all
  std::optional<Rate> rate;
  std::optional<WallTime> expires;
};

struct Resources {
  std::vector<UpstreamResource> upstreams;
  std::vector<CredentialResource> credentials;
  std::vector<PrincipalResource> principals;
  std::vector<ApiKeyResource> api_keys;
  std::vector<GrantResource> grants;
};

// Reads one resource (a map with `kind`) and adds it. kInvalid names file, line, and what is wrong.
Result<void> add_resource(const base::Document& document, Resources& out);

}  // namespace claviger::policy
