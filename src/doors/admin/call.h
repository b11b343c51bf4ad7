// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "crypto/hash.h"
#include "doors/admin/admin_door.h"
#include "doors/admin/query.h"
#include "gateway/refusals.h"
#include "gateway/request_ids.h"
#include "http/server_connection.h"
#include "policy/rate.h"
#include "policy/resources.h"

namespace claviger::doors::admin {

struct Route;

// What all calls share. Threads: the control thread's.
struct Context {
  explicit Context(AdminServices given) : services(std::move(given)) {}

  AdminServices services;
  // Of strangers, and none of the gateway's own limits: whoever fills these cells harms the admin listener alone.
  policy::LimitCells cells{4096};
  policy::LimitKeys limit_keys;
  crypto::Sha256 sha256;
  gateway::RequestIds request_ids;
  gateway::Refusals failed_logins{"logins.failed"};
  std::size_t body_bytes = 0;  // of all bodies that are being read into memory
};

// One call on its way, and what has been found out so far.
struct AdminCall {
  http::ServerConnection& caller;
  const http::RequestHead* head = nullptr;  // null when none could be read
  gateway::RequestId request_id{};
  WallTime wall{};
  Monotonic began{};
  std::uint64_t address_key = 0;

  policy::LimitDecision limit{};  // of the address
  registry::Actor actor;  // principal: empty until authenticated
  std::string_view rule;  // of why that failed; for the log, a literal
  policy::Management right = policy::Management::kNone;
  const Route* route = nullptr;
  policy::Kind kind = policy::Kind::kUpstream;  // that the path names
  std::string name;
  Query query;
  std::string allow;  // methods of the path, where the call's is none of them
  unsigned status = 0;  // of the answer

  std::string_view id() const noexcept { return {request_id.data(), request_id.size()}; }
  registry::Registry& registry_of(Context& context) const noexcept { return *context.services.registry; }
};

// Something the caller has to put right: 400 with this text.
inline Error bad_request(std::string what) {
  return Error::formatted(Code::kBadRequest, Blame::kCaller, std::move(what));
}

// What the audit log's reader says of a place that the caller asked for: 404 for what was pruned, 400 for none at all.
inline Error log_refusal(const Error& error) {
  if (error.blame() != Blame::kCaller) return error;
  if (error.code() == Code::kNotFound)
    return Error::formatted(Code::kNoResource, Blame::kCaller, std::string(error.what()));
  return bad_request(std::string(error.what()));
}

}  // namespace claviger::doors::admin
