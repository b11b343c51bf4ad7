// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/ip.h"
#include "credentials/kind.h"
#include "gateway/world.h"
#include "http/message.h"
#include "http/path.h"
#include "net/tls.h"
#include "policy/quota.h"
#include "policy/rate.h"
#include "policy/snapshot.h"

namespace claviger::gateway {

using RequestId = std::array<char, 32>;  // hex

// One call on its way through the pipeline: what came in, and what the stages have found out so far.
// Everything is borrowed: the head from the connection, the rest from the world that the call holds on to.
struct Call {
  const http::RequestHead* head = nullptr;
  const World* world = nullptr;
  base::IpAddress address;        // the caller's
  std::string_view address_text;
  const net::PeerCertificate* certificate =
      nullptr;  // that the connection has shown; null: none that is trusted
  bool needs_certificate = false;                     // whatever else is shown
  bool lost_certificate = false;  // one was shown, and is not trusted any more
  RequestId request_id{};
  WallTime wall{};
  Monotonic began{};

  // limit_address
  std::uint64_t address_key = 0;
  // normalize
  http::PathTraits path;
  bool path_is_canonical = false;
  // authenticate
  policy::KeyId presented_id;     // of the key that was presented, known or not; zeros for none
  const policy::ApiKey* key = nullptr;  // null: it was the certificate alone
  std::string_view certificate_name;  // by which the principal is known, of that certificate; empty: by none
  policy::PrincipalIndex principal_index = 0;
  const policy::Principal* principal = nullptr;
  // resolve
  const UpstreamRuntime* upstream = nullptr;
  policy::UpstreamIndex upstream_index = 0;
  std::string_view rest;  // of the path, behind the mount: "" or "/..."
  // authorize
  const policy::Grant* grant = nullptr;
  // limit
  policy::LimitDecision limit{true, 0, 0};
  std::uint64_t limit_key = 0;  // of the grant and the principal, once it has been counted by rate
  policy::QuotaDecision quota{};  // kTaken or kExhausted once it has been counted by quota
  bool needs_lease = false;  // the quota's counter must be asked for; the pipeline stops here
  // strip
  std::bitset<http::kMaxFields> forward;  // of head->fields
  // attach
  const credentials::Credential* credential = nullptr;

  // relay
  bool has_its_share = false;  // of the upstream's connections: refused for that

  // What came of it, for the record.
  bool revoked = false;  // while under way: the caller's connection is broken off, whatever the outcome says
  unsigned status = 0;
  std::string_view outcome;  // "ok", an error code, or "revoked"
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  bool reused = false;
  unsigned retries = 0;  // attempts upstream beyond the first

  std::string_view id() const noexcept { return {request_id.data(), request_id.size()}; }
  std::string_view path_below_mount() const noexcept { return rest.empty() ? std::string_view("/") : rest; }
};

}  // namespace claviger::gateway
