// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "audit/log.h"
#include "base/secret_arena.h"
#include "policy/lease_desk.h"
#include "server/gateway_worker.h"
#include "server/overload.h"
#include "sinks/sinks.h"
#include "telemetry/expose.h"
#include "telemetry/metrics.h"

namespace claviger::server {

// Where what /metrics shows comes from. Borrowed for the length of a call.
struct MetricsSources {
  const std::vector<std::unique_ptr<GatewayWorker>>& workers;
  const telemetry::WorkerMetrics& control;
  const std::vector<telemetry::NamedMetrics>& others;  // of other threads
  const base::SecretArena& arena;
  const audit::Log* audit_log;      // null: none
  const policy::LeaseDesk* leases;  // null: no store, so that there is nothing to save
  const Overload& overload;
  const sinks::Sinks* sinks;  // null: none
  const gateway::UpstreamBook& upstreams;
};

// Threads: the control thread's.
std::string write_metrics_page(const MetricsSources& sources);

}  // namespace claviger::server
