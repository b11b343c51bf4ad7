// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "audit/log.h"
#include "audit/reader.h"
#include "base/clock.h"
#include "base/secret_arena.h"
#include "http/serve.h"
#include "net/background.h"
#include "policy/rate.h"
#include "registry/registry.h"

namespace claviger::doors {

namespace admin {
struct Context;
}

// Whether the gateway takes calls, and what stands in the way when it does not.
struct Readiness {
  bool is_ready = false;
  std::string why_not;  // one line; strangers may read it
};

// The audit log as the door reads it. What blocks is called on `thread`.
struct AdminAudit {
  net::BackgroundThread& thread;
  std::string verifier_key;
  std::function<audit::LogState()> state;
  std::function<Result<audit::LogPiece>(std::size_t count)> last_lines;                        // blocks
  std::function<Result<audit::LogPiece>(std::uint64_t from, std::size_t bytes)> lines_from;    // blocks
  std::function<Result<std::optional<std::string>>()> last_checkpoint;  // blocks; nothing before the first
};

// A management call that was answered or refused, for the operator's log. Views hold for the call of `record`.
struct AdminRecord {
  std::string_view request_id, principal, key_id, address, method;
  std::string_view path;  // empty when it held an API key
  unsigned status = 0;  // 0: the caller left before the answer was whole
};

// What the door needs of the rest. All of it outlives the door.
struct AdminServices {
  registry::Registry* registry = nullptr;  // null: no store (side-car mode), so no management
  base::SecretArena& arena;
  policy::Rate rate{100, std::chrono::seconds(60)};  // of calls, for each address
  std::string version;
  std::string security_contact;  // a URI, for security.txt; empty: there is none
  std::string master_key_id;
  std::function<Readiness()> readiness;
  std::function<std::string()> metrics;
  std::optional<AdminAudit> audit;  // with a registry, which never is without a log
  std::function<void(const AdminRecord&)> record;  // may be null
};

// The admin listener's door: the management API below /api/v1 (docs/api.md), and what orchestrators and Prometheus ask
// for: /healthz, /readyz, /metrics, which take no key and tell no secret.
//
// Threads: the control thread's; what may block is awaited.
// Secrets: a key is compared by its hash and copied nowhere; an uploaded secret goes from the connection's buffer into
// the arena, a new key from the arena into the connection's buffer; both are wiped.
class AdminDoor final : public http::Handler {
 public:
  // Requires: `audit`, if there is a registry.
  explicit AdminDoor(AdminServices services);
  ~AdminDoor() override;

  // In place of what AdminServices said, from now on.
  void use(policy::Rate rate, std::string security_contact);

  net::Task<void> handle(http::ServerConnection& caller) override;
  net::Task<void> refuse(http::ServerConnection& caller, Error error) override;

 private:
  std::unique_ptr<admin::Context> context_;
};

}  // namespace claviger::doors
