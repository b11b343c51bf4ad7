// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/metrics.h"

namespace claviger::telemetry {

// One worker as the exposition names it: `worker="0"`, "1", ..., "control".
struct NamedMetrics {
  std::string worker;
  const WorkerMetrics* metrics;
};

// The audit log, as it stands.
struct AuditSample {
  std::uint64_t size;  // events, synced
  std::uint64_t checkpointed;  // of them under a checkpoint
  std::uint64_t queued;  // not yet synced
  std::uint64_t lag_ms;  // age of the oldest of these
  bool failing;
  std::uint64_t first_event;  // that is kept
  std::uint64_t segments;
  std::uint64_t bytes;       // that they take
  std::uint64_t free_bytes;  // of the disk
  bool is_low_on_space;
  bool upkeep_fails;  // no new segment, or none can be pruned
};

// The counters of quotas, which are kept in the store.
struct QuotaSample {
  std::uint64_t counters;  // in use
  std::uint64_t saves;  // of blocks of calls, each synced
  std::uint64_t failed_saves;
};

// What the process uses, and where it begins to shed calls.
struct LoadSample {
  std::uint64_t memory, memory_limit;  // bytes
  std::uint64_t descriptors, descriptors_limit;  // open
  bool sheds;
};

// Process-wide values that no worker owns, sampled at scrape time.
struct ProcessSample {
  std::uint64_t arena_bytes_in_use;
  std::uint64_t arena_bytes_limit;
  bool arena_is_memfd;
  std::uint64_t openssl_arena_overflows;
  std::string_view version;
  std::optional<AuditSample> audit;  // nothing: no log is kept
  std::optional<QuotaSample> quotas;  // nothing: no store
  std::optional<LoadSample> load;
};

// Prometheus text exposition (version 0.0.4) of all of it, one sample for each worker.
std::string expose(const std::vector<NamedMetrics>& workers, const ProcessSample& process);

}  // namespace claviger::telemetry
