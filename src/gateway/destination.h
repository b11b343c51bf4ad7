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

// That every CA file of upstreams that can be reached now is good still, so that nothing is taken away by reading them anew.
// kInvalid when one is not: which, and why.
Result<void> check_ca_files(const UpstreamTable& upstreams);

// The settings that say how this credential is put on requests: its own, or its upstream's.
const base::Document& auth_of(const policy::CredentialResource& credential,
                              const policy::UpstreamResource& upstream) noexcept;

// destination_digest() for a CA file that was read already.
std::string digest_destination(const policy::UpstreamResource& upstream,
                               const policy::CredentialResource& credential, std::string_view ca_digest);

}  // namespace claviger::gateway
