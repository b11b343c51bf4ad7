// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace claviger::telemetry {

// Everything that is counted, once. The table in metrics.cc gives each its Prometheus name, constant
// labels and help; adding a metric is one line here and one there.
enum class Counter : std::uint8_t {
  kConnectionsAccepted,
  kConnectionsRefused,      // over a limit, before a byte was read
  kTlsHandshakes,
  kTlsHandshakesFailed,
  kRequests,                // heads read, whatever came of them
  kAnswers2xx,
  kAnswers3xx,
  kAnswers4xx,
  kAnswers5xx,  // relayed from upstreams
  // Answers made by the gateway itself, by code.
  kRefusedBadRequest,
  kRefusedUnauthenticated,
  kRefusedDenied,
  kRefusedNoUpstream,
  kRefusedTooLarge,
  kRefusedLimited,
  kRefusedNoCredential,
  kRefusedUpstreamFailed,
  kRefusedUpstreamTimeout,
  kRefusedUnavailable,
  kAnswersBrokenOff,  // answers that an upstream did not finish: the caller's connection is reset
  kCallerGone,              // callers that left before their answer was whole
  kUpstreamConnects,
  kUpstreamConnectsFailed,
  kUpstreamReused,          // requests sent on a pooled connection
  kUpstreamDiscarded,       // connections not fit for reuse
  kUpstreamRetried,
  kUpstreamGuardRefused,    // the SSRF guard said no
  kBytesFromCallers,
  kBytesToCallers,
  kDeadlinesExpired,
  kCredentialsOpened,
  kAccessLogDropped,
  kSnapshotsAdopted,
  kAuditEvents,              // of calls, handed to the audit log
  kAuditWaits,               // requests that had to wait for the audit log
  kAuditRefused,             // of them, those that waited for lane_timeout in vain
  kAuditRefusalsUnrecorded,  // heads refused while the audit log took no events
  kCallsRevoked,             // ended while under way
  kCount,
};

enum class Gauge : std::uint8_t {
  kConnectionsOpen,
  kRequestsActive,
  kUpstreamIdle,
  kFramePoolBytes,
  kBufferPoolBytes,
  kSnapshotRevision,
  kCount,
};

// The counters of one thread. add() costs what a plain increment costs; another thread may read.
// Threads: written by its own worker only, read by any.
class WorkerMetrics {
 public:
  void add(Counter counter, std::uint64_t by = 1) noexcept {
    auto& cell = counters_[static_cast<std::size_t>(counter)];
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void add(Gauge gauge, std::int64_t by) noexcept {
    auto& cell = gauges_[static_cast<std::size_t>(gauge)];
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void set(Gauge gauge, std::int64_t to) noexcept {
    gauges_[static_cast<std::size_t>(gauge)].store(to, std::memory_order_relaxed);
  }
  std::uint64_t value(Counter counter) const noexcept {
    return counters_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }
  std::int64_t value(Gauge gauge) const noexcept {
    return gauges_[static_cast<std::size_t>(gauge)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Counter::kCount)> counters_{};
  std::array<std::atomic<std::int64_t>, static_cast<std::size_t>(Gauge::kCount)> gauges_{};
};

// One worker as the exposition names it: `worker="0"`, "1", ..., "control".
struct NamedMetrics {
  std::string worker;
  const WorkerMetrics* metrics;
};

// The audit log, as it stands.
struct AuditSample {
  std::uint64_t size;          // events, synced
  std::uint64_t checkpointed;  // of them under a checkpoint
  std::uint64_t queued;        // not yet synced
  std::uint64_t lag_ms;        // age of the oldest of these
  bool failing;
};

// The counters of quotas, which are kept in the store.
struct QuotaSample {
  std::uint64_t counters;  // in use
  std::uint64_t saves;     // of blocks of calls, each synced
  std::uint64_t failed_saves;
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
};

// Prometheus text exposition (version 0.0.4) of all of it, one sample for each worker.
std::string expose(const std::vector<NamedMetrics>& workers, const ProcessSample& process);

}  // namespace claviger::telemetry
