// SPDX-License-Identifier: Apache-2.0
#include "server/admin_wiring.h"

#include <utility>

#include "audit/reader.h"
#include "server/audit_trail.h"
#include "server/version.h"

namespace claviger::server {
namespace {

// Management's searches of the log, one after the other on the reading thread.
struct Searches {
  explicit Searches(const std::string& directory) : searcher(directory, clock) {}
  SystemClock clock;
  audit::Searcher searcher;
};

doors::AdminAudit audit_of(const ManagementParts& parts, const Config& config) {
  const std::string directory = audit_directory(config);
  return {
      .thread = parts.reading_thread,
      .verifier_key = [&log = parts.audit_log] { return log.verifier_key(); },
      .state = [&log = parts.audit_log] { return log.state(); },
      .last_lines = [directory](std::size_t count) { return audit::read_last_lines(directory, count); },
      .lines_from = [directory](audit::LogPlace from,
                                std::size_t bytes) { return audit::read_lines_from(directory, from, bytes); },
      .last_checkpoint = [directory] { return audit::read_last_checkpoint(directory); },
      .search = [searches = std::make_shared<Searches>(directory)](
                    const audit::SearchRequest& request) { return searches->searcher.search(request); }};
}

void log_call(telemetry::Log& log, const doors::AdminRecord& call) {
  log.info("management_call", {{"request_id", call.request_id},
                               {"principal", call.principal},
                               {"key_id", call.key_id},
                               {"address", call.address},
                               {"method", call.method},
                               {"path", call.path},
                               {"status", call.status}});
}

}  // namespace

doors::AdminServices wire_admin(AdminParts parts) {
  doors::AdminServices services{.arena = parts.arena};
  services.rate = parts.config.admin_rate;
  services.version = kVersion;
  services.security_contact = parts.config.security_contact;
  services.readiness = [why_not_ready = std::move(parts.why_not_ready)] {
    std::string why_not = why_not_ready();
    return doors::Readiness{.is_ready = why_not.empty(), .why_not = std::move(why_not)};
  };
  services.metrics = std::move(parts.metrics);
  services.append = std::move(parts.append);
  services.record = [&log = parts.log](const doors::AdminRecord& call) { log_call(log, call); };
  if (!parts.management) return services;
  services.registry = &parts.management->managed.registry();
  services.master_key_id = [&managed = parts.management->managed] { return managed.master_key_id(); };
  services.audit.emplace(audit_of(*parts.management, parts.config));
  services.audit->pseudonym = std::move(parts.pseudonym);
  if (const sinks::Sinks* sinks = parts.management->sinks; sinks != nullptr)
    services.audit->sinks = [sinks] { return sinks::to_json(sinks->states()); };
  return services;
}

}  // namespace claviger::server
