// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "audit/event.h"
#include "audit/log.h"
#include "audit/reader.h"
#include "audit/search.h"
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
  std::function<std::string()> verifier_key;  // that signs now
  std::function<audit::LogState()> state;
  std::function<Result<audit::LogPiece>(std::size_t count)> last_lines;                        // blocks
  std::function<Result<audit::LogPiece>(audit::LogPlace from, std::size_t bytes)> lines_from;  // blocks
  std::function<Result<std::optional<std::string>>()> last_checkpoint;  // blocks; nothing before the first
  std::function<Result<audit::SearchPage>(const audit::SearchRequest&)>
      search;  // blocks, for as long as it is told
  std::function<std::string(const base::IpAddress&)> pseudonym;  // as audit/pseudonym.h makes it
  std::function<std::string()> sinks;  // a JSON array of how they are; null: there are none
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
  std::function<std::string()> master_key_id;
  std::function<Readiness()> readiness;
  std::function<std::string()> metrics;
  std::optional<AdminAudit> audit;  // with a registry, which never is without a log
  std::function<void(const AdminRecord&)> record;  // may be null
  std::function<void(audit::Event)> append;  // into the audit log; null: there is none
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

  // Tells the audit log of log-ins that failed and were only counted so far: those that are due, and all of them at the end. The
  // former is to be called once a second.
  void report_refusals(Monotonic now, WallTime wall);
  void report_all_refusals(WallTime wall);

  net::Task<void> handle(http::ServerConnection& caller) override;
  net::Task<void> refuse(http::ServerConnection& caller, Error error) override;

 private:
  std::unique_ptr<admin::Context> context_;
};

}  // namespace claviger::doors
