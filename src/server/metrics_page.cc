// SPDX-License-Identifier: Apache-2.0
#include "server/metrics_page.h"

#include <optional>

#include "crypto/openssl_memory.h"
#include "server/version.h"
#include "telemetry/expose.h"

namespace claviger::server {
namespace {

std::optional<telemetry::AuditSample> sample(const audit::Log* log) {
  if (log == nullptr) return std::nullopt;
  const audit::LogState state = log->state();
  return telemetry::AuditSample{.size = state.size,
                                .checkpointed = state.checkpointed,
                                .queued = state.queued,
                                .lag_ms = static_cast<std::uint64_t>(state.lag.count()),
                                .failing = state.failing,
                                .first_event = state.first_event,
                                .segments = state.segments,
                                .bytes = state.bytes,
                                .free_bytes = state.free_bytes,
                                .is_low_on_space = state.is_low_on_space,
                                .upkeep_fails = !state.upkeep_failure.empty()};
}

std::optional<telemetry::QuotaSample> sample(const policy::LeaseDesk* leases) {
  if (leases == nullptr) return std::nullopt;
  return telemetry::QuotaSample{
      .counters = leases->size(), .saves = leases->saves(), .failed_saves = leases->failed_saves()};
}

telemetry::LoadSample sample(const Overload& overload) {
  return {.memory = overload.usage().memory,
          .memory_limit = overload.limits().memory,
          .descriptors = overload.usage().descriptors,
          .descriptors_limit = overload.limits().descriptors,
          .sheds = overload.is_shedding()};
}

}  // namespace

std::string write_metrics_page(const MetricsSources& sources) {
  std::vector<telemetry::NamedMetrics> all;
  for (std::size_t i = 0; i < sources.workers.size(); ++i)
    all.push_back({std::to_string(i), &sources.workers[i]->metrics()});
  all.push_back({"control", &sources.control});
  all.insert(all.end(), sources.others.begin(), sources.others.end());
  const auto usage = sources.arena.usage();
  return telemetry::expose(all,
                           {.arena_bytes_in_use = usage.in_use,
                            .arena_bytes_limit = usage.limit,
                            .arena_is_memfd = sources.arena.memory() == base::SecretArena::Memory::kMemfd,
                            .openssl_arena_overflows = crypto::openssl_memory().arena_overflows,
                            .version = kVersion,
                            .audit = sample(sources.audit_log),
                            .quotas = sample(sources.leases),
                            .load = sample(sources.overload)}) +
         sources.upstreams.expose() +
         (sources.sinks != nullptr ? sinks::expose(sources.sinks->states()) : std::string());
}

}  // namespace claviger::server
