// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "credentials/kind.h"
#include "gateway/credential_lives.h"
#include "net/connector.h"
#include "net/tls.h"
#include "policy/snapshot.h"
#include "vault/process_key.h"

namespace claviger::gateway {

class TokenCell;  // token_cell.h
class TokenDesk;
struct TokenSource;  // token_desk.h

// A credential that cannot be used, and why ("has no secret yet").
struct UnusableCredential {
  std::string name;
  std::string why;
};

// One base URL of an upstream: where its connections go, and how it has to prove itself there.
struct UpstreamEndpoint {
  std::string authority;  // as it goes into Host
  net::Destination destination;
  std::shared_ptr<net::ClientTls> tls;  // null for http; workers clone it
};

// A credential as calls get it.
struct ReadyCredential {
  std::unique_ptr<const credentials::Credential> credential;
  std::uint32_t version = 0;  // CredentialResource::version
  std::shared_ptr<CredentialLife> life;  // never null
  // Of one that is shown in the TLS handshake: the upstream's endpoints with it, and the key of connections that are its own. Null: the
  // upstream's are for it, too.
  std::shared_ptr<const std::vector<UpstreamEndpoint>> endpoints;
  std::string pool_key;
  std::shared_ptr<TokenCell> tokens;  // of kinds that fetch; null: the secret itself is sent
  std::shared_ptr<const TokenSource> token_source;  // of these, for the desk
};

// An upstream as the relay uses it: what policy::Upstream says, made ready once instead of at each call.
// Immutable, and shared by all worlds in which the upstream and its credentials are the same.
struct UpstreamRuntime {
  std::shared_ptr<const policy::Upstream> source;
  const policy::UpstreamResource* resource = nullptr;  // in *source
  std::shared_ptr<const std::vector<UpstreamEndpoint>>
      endpoints;  // as written; null when its CA file is no good
  std::string ca_digest;  // of the CA file's content, hex; empty for the system's store
  // Connections may be shared by whatever has the same key: upstream, addresses, trust, rules.
  std::string pool_key;
  std::vector<std::string> strip_fields;  // lower case, '-' for '_': what its credentials set
  std::vector<std::string> strip_queries;  // query parameters that its credentials set
  std::vector<std::string> shown_queries;  // whose values the logs show, in order: none of strip_queries
  std::vector<ReadyCredential> credentials;  // the usable ones
  std::vector<UnusableCredential> unusable;  // of the rest, those that ought to be usable
  bool masks = false;  // answers.mask, and one of its credentials has something to look for
};
using UpstreamTable = std::vector<std::shared_ptr<const UpstreamRuntime>>;  // null where there is none

// Everything that requests are decided and sent on: one immutable value, swapped as a whole.
//
// Threads: any. Secrets: sealed ones only.
struct World {
  std::shared_ptr<const policy::Snapshot> policy;
  std::shared_ptr<const UpstreamTable>
      upstreams;  // by policy::UpstreamIndex; the same table while nothing in it changed
};

// Where a credential's secret comes from: elsewhere (external_secrets.h), or the vault.
// Threads: the control thread's.
class SecretProvider {
 public:
  virtual ~SecretProvider() = default;
  // `destination` is the digest of where it will go. kInvalid when there is none or it was sealed for another destination.
  virtual Result<base::SecretBytes> read(const policy::CredentialResource& credential,
                                         std::string_view destination) = 0;
};

class ExternalSecrets;  // gateway/external_secrets.h

struct WorldSettings {
  std::vector<net::Endpoint> own_listeners;  // the guard refuses them as destinations
  TokenDesk* tokens = nullptr;  // outlives the worlds; null: what needs one cannot be used
  CredentialLives* lives =
      nullptr;  // outlives the worlds; null: each world's credentials have lives of their own
  ExternalSecrets* external =
      nullptr;  // asked whether a credential may have its secret by `from`; null: all may
};

// Makes the world of a snapshot. Upstreams that are the same objects as in `before` are taken over from it as they are,
// and so is what it loaded of CAs; null: reads everything anew (CA files and secrets included).
//
// A disabled or revoked credential is left out. What is wrong with another's secret (unbound, missing, unreadable) goes to
// `unusable` when it is given, for all upstreams, those taken over included; and is an Error otherwise. The same
// with a CA file: its upstream then has no credentials, and serves nobody. Wrong settings are always an Error. That a source gives no
// secret now (kNoCredential) is none: the credential is left out.
// Nothing is half-built: an Error changes nothing.
// Threads: the control thread's (it reads files).
Result<std::shared_ptr<const World>> build_world(std::shared_ptr<const policy::Snapshot> snapshot,
                                                 const World* before, const WorldSettings& settings,
                                                 vault::ProcessKey& key, SecretProvider& secrets,
                                                 std::vector<UnusableCredential>* unusable);

// A digest (hex) of everything that decides where a credential's secret goes: base URLs, TLS trust (the content of the CA file
// included, pins, least version), auth settings; and of the names of both. Stable: the vault keeps it beside what it seals.
// kInvalid when the CA file cannot be read or must not be trusted.
Result<std::string> destination_digest(const policy::UpstreamResource& upstream,
                                       const policy::CredentialResource& credential);

// What the settings of one resource say by themselves beyond what policy checks: auth kinds, CA files, the form of `from`.
Result<void> check_resource(const policy::Resource& resource);
// Resources alone, without reading a secret: for check-config.
Result<void> check_resources(policy::Resources resources);

}  // namespace claviger::gateway
