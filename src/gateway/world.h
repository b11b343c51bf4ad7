// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "credentials/kind.h"
#include "net/connector.h"
#include "net/tls.h"
#include "policy/snapshot.h"
#include "vault/process_key.h"
#include "vault/source.h"

namespace claviger::gateway {

// An upstream as the relay uses it: what policy::Upstream says, made ready once instead of at each call.
struct UpstreamRuntime {
  const policy::UpstreamResource* resource = nullptr;  // in World::policy
  net::Destination destination;
  std::shared_ptr<net::ClientTls> tls;  // null for http; workers clone it
  std::string ca_digest;  // of the CA file's content, hex; empty for the system's store
  // Connections may be shared by whatever has the same key: address, trust, rules.
  std::string pool_key;
  std::vector<std::string> strip_fields;   // lower case, '-' for '_': what its credentials set
  std::vector<std::string> strip_queries;  // query parameters that its credentials set
  std::vector<std::unique_ptr<const credentials::Credential>> credentials;
};

// Everything that requests are decided and sent on: one immutable value, swapped as a whole.
//
// Threads: any. Secrets: sealed ones only.
struct World {
  std::shared_ptr<const policy::Snapshot> policy;
  std::vector<UpstreamRuntime> upstreams;  // by policy::UpstreamIndex
};

// Reads and seals every secret, loads every CA. Nothing is half-built: an Error changes nothing.
// Threads: the control thread's (it reads files).
Result<std::shared_ptr<const World>> build_world(policy::Resources resources, std::uint64_t revision,
                                                 const std::vector<net::Endpoint>& own_listeners,
                                                 vault::ProcessKey& key, vault::SecretSources& sources);

// Resources alone, without reading a secret: for check-config.
Result<void> check_resources(policy::Resources resources);

}  // namespace claviger::gateway
