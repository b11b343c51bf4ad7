// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "gateway/world.h"
#include "net/tls.h"
#include "policy/resources.h"

namespace claviger::gateway {

// A CA file, read once: what is trusted and what is digested are the same bytes.
struct CaFile {
  std::string pem;     // empty: the system's store
  std::string digest;  // hex; empty for the system's store
};
// kInvalid, naming upstream and file: not there, no regular file, over 4 MiB, or others may write it.
Result<CaFile> read_ca_file(const policy::UpstreamResource& upstream);

// The same of any other setting, which `what` names in the message: "<what> '<path>' cannot be read".
Result<CaFile> read_ca(const std::string& path, std::string_view what);

// The trust of each CA content, loaded once for all upstreams that name it.
// Threads: one.
class TrustCache {
 public:
  // Takes over what the upstreams of `known` have loaded. Null: nothing.
  explicit TrustCache(const UpstreamTable* known);
  // kInvalid when the content is not PEM certificates.
  Result<std::shared_ptr<const net::ClientTrust>> find(const CaFile& ca);

 private:
  std::unordered_map<std::string, std::shared_ptr<const net::ClientTrust>> by_digest_;
};

// Fills in where the upstream is and how it proves itself: endpoints, ca_digest, pool_key.
// Requires: upstream.resource. kInvalid at the resource's place when its CA file is no good.
Result<void> set_destination(UpstreamRuntime& upstream, const WorldSettings& settings, TrustCache& trusts);

// Connections for one credential alone, where it is shown in the TLS handshake; nothing to do for others. No session is shared with
// anybody, and with none of its versions before.
// Requires: set_destination() was fine, of an upstream that is https.
void bind_connections(ReadyCredential& credential, const UpstreamRuntime& upstream);

// That every CA file of upstreams that can be reached now is good still, so that nothing is taken away by reading them anew.
// kInvalid when one is not: which, and why.
Result<void> check_ca_files(const UpstreamTable& upstreams);

// The settings that say how this credential is put on requests: its own, or its upstream's.
const base::Document& auth_of(const policy::CredentialResource& credential,
                              const policy::UpstreamResource& upstream) noexcept;

// destination_digest() for CA files that were read already; the second is the token endpoint's, "" where it has none of its own.
std::string digest_destination(const policy::UpstreamResource& upstream,
                               const policy::CredentialResource& credential, std::string_view ca_digest,
                               std::string_view token_ca_digest = {});

}  // namespace claviger::gateway
