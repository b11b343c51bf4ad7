// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "audit/event.h"
#include "audit/log.h"
#include "doors/admin/admin_door.h"
#include "net/background.h"
#include "server/config.h"
#include "server/managed.h"
#include "sinks/sinks.h"
#include "telemetry/log.h"

namespace claviger::server {

// What the admin door gets to see of a gateway with a store; all of it outlives the door.
struct ManagementParts {
  Managed& managed;
  const audit::Log& audit_log;
  net::BackgroundThread& reading_thread;  // reads the log's files
  const sinks::Sinks* sinks;  // null: none
};

// What the admin door needs of any gateway.
struct AdminParts {
  const Config& config;
  base::SecretArena& arena;
  telemetry::Log& log;
  std::function<std::string()> why_not_ready;  // empty when it is
  std::function<std::string()> metrics;
  std::optional<ManagementParts> management;  // nothing in side-car mode, which is not managed
  std::function<void(audit::Event)> append;  // into the audit log, where there is one
  std::function<std::string(const base::IpAddress&)> pseudonym;  // for management alone
};

doors::AdminServices wire_admin(AdminParts parts);

}  // namespace claviger::server
