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
  const policy::ApiKey* key = nullptr;
  const policy::Principal* principal = nullptr;
  // resolve
  const UpstreamRuntime* upstream = nullptr;
  policy::UpstreamIndex upstream_index = 0;
  std::string_view rest;          // of the path, behind the mount: "" or "/..."
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

  // What came of it, for the record.
  bool revoked = false;  // while under way: the caller's connection is broken off, whatever the outcome says
  unsigned status = 0;
  std::string_view outcome;  // "ok", an error code, or "revoked"
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  bool reused = false;

  std::string_view id() const noexcept { return {request_id.data(), request_id.size()}; }
  std::string_view path_below_mount() const noexcept { return rest.empty() ? std::string_view("/") : rest; }
};

}  // namespace claviger::gateway
