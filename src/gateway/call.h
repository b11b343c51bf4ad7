// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/ip.h"
#include "credentials/kind.h"
#include "gateway/trace_context.h"
#include "gateway/world.h"
#include "http/message.h"
#include "http/path.h"
#include "net/tls.h"
#include "policy/quota.h"
#include "policy/rate.h"
#include "policy/snapshot.h"

namespace claviger::gateway {

using RequestId = std::array<char, 32>;  // hex

// What was decided of a call, as the audit log has it.
enum class Decision : std::uint8_t {
  kRefused,          // before anybody looked whether it is allowed: it cannot be read, or leads nowhere
  kAllowed,
  kDenied,           // no grant gives it
  kLimited,          // by a rate, a quota or a share
  kUnauthenticated,
  kShed,             // memory or descriptors run short
  kUnavailable,      // it could not be recorded or counted
};
std::string_view decision_name(Decision decision) noexcept;  // "allowed"
Decision decision_of(Code refused) noexcept;

// Echoes of its credential that were overwritten.
struct EchoesMasked {
  std::uint64_t in_head = 0;  // of the answer, interim ones included
  std::uint64_t in_body = 0;
};

// A door of the gateway's own, on a connection that it made itself: who it stands for was settled when the connection was made.
// Nobody outside can be one.
struct DoorCaller {
  std::string door;  // its name, for the records
  std::string principal;  // by name: looked up anew for each call
};

struct Call;
// For the record: what refuses the call, in one word of the schema's (docs/formats/audit_events.md), a literal.
Error refused_by(std::string_view rule, Call& call, Error error) noexcept;

// A body of which all is held before the head is written: it goes out with its length, and without asking for leave.
struct WholeBody {
  std::uint64_t size = 0;
  crypto::Sha256Digest digest{};  // where the credential asks for it
};

// One call on its way through the pipeline: what came in, and what the stages have found out so far.
// Everything is borrowed: the head from the connection, the rest from the world that the call holds on to.
struct Call {
  const http::RequestHead* head = nullptr;
  const World* world = nullptr;
  base::IpAddress address;  // the caller's
  std::string_view address_text;  // as it is recorded: as it is, a pseudonym, or empty
  const DoorCaller* door = nullptr;  // null: somebody outside, who has to prove who it is
  const net::PeerCertificate* certificate =
      nullptr;  // that the connection has shown; null: none that is trusted
  bool needs_certificate = false;  // whatever else is shown
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
  policy::KeyId presented_id;  // of the key that was presented, known or not; zeros for none
  const policy::ApiKey* key = nullptr;  // null: it was the certificate alone, or a door
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
  const ReadyCredential* credential = nullptr;
  std::shared_ptr<const credentials::Token> token;  // that it carries; null: its credential needs none
  bool needs_token = false;  // it must be fetched; the pipeline stops here
  bool has_another_token = false;  // than the one that the upstream refused: not a third
  std::uint32_t credential_period = 0;  // of its life, in which the call was let through
  std::uint32_t retry_after =
      0;  // seconds, until one of the upstream's credentials may be usable; 0: nobody knows

  // What decided it, for the record. Stages that refuse say by which rule; a literal.
  Decision decision = Decision::kRefused;
  std::string_view rule;
  TraceContext trace;  // the caller's

  // relay
  std::uint64_t started = 0;  // which event of the lane says that it begins; 0: none does
  bool has_its_share = false;  // of the upstream's connections: refused for that
  std::optional<WholeBody> body;  // nothing: it is sent on as it comes

  // What came of it, for the record.
  bool revoked = false;  // while under way: the caller's connection is broken off, whatever the outcome says
  unsigned status = 0;
  std::string_view outcome;  // "ok", an error code, or "revoked"
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint32_t credential_opened = 0;  // how often its secret was decrypted
  EchoesMasked echoes;
  std::chrono::microseconds waited{};  // before it was sent: for the audit log and for quotas
  std::chrono::microseconds connect{};  // for connections to the upstream
  std::chrono::microseconds first_byte{};  // from its beginning to the head of the answer
  bool reused = false;
  unsigned retries = 0;  // attempts upstream beyond the first

  std::string_view span_id() const noexcept { return id().substr(16); }  // unique, like the whole
  std::string_view id() const noexcept { return {request_id.data(), request_id.size()}; }
  std::string_view path_below_mount() const noexcept { return rest.empty() ? std::string_view("/") : rest; }
};

}  // namespace claviger::gateway
