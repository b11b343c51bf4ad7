// SPDX-License-Identifier: Apache-2.0
#include "telemetry/expose.h"

#include "telemetry/exposition.h"

namespace claviger::telemetry {
namespace {

template <class Id>
struct Row {
  Id id;
  std::string_view family;
  std::string_view labels;  // constant ones, as they stand in the exposition; beside worker="..."
  std::string_view help;    // the family's; the first row's counts
  double unit = 1;          // of what is counted, in that of the exposition
};

constexpr double kNanoseconds = 1e-9;

using C = Counter;
constexpr std::string_view kAnswersHelp = "Answers relayed from upstreams, by class of status.";
constexpr std::string_view kRefusalsHelp = "Answers made by the gateway itself, by error code.";
constexpr std::string_view kLimitHelp = "How often a limit was reached, by its name.";

constexpr auto kCounters = std::to_array<Row<Counter>>({
    {C::kConnectionsAccepted, "claviger_connections_accepted_total", "",
     "Connections accepted from callers."},
    {C::kConnectionsRefused, "claviger_connections_refused_total", "",
     "Connections refused over a limit, before a byte was read."},
    {C::kConnectionsTurnedOut, "claviger_connections_turned_out_total", "",
     "Connections closed to make room for others, or because memory or descriptors ran short."},
    {C::kRequests, "claviger_requests_total", "", "Request heads read, whatever came of them."},
    {C::kAnswers2xx, "claviger_answers_total", R"(class="2xx")", kAnswersHelp},
    {C::kAnswers3xx, "claviger_answers_total", R"(class="3xx")", kAnswersHelp},
    {C::kAnswers4xx, "claviger_answers_total", R"(class="4xx")", kAnswersHelp},
    {C::kAnswers5xx, "claviger_answers_total", R"(class="5xx")", kAnswersHelp},
    {C::kRefusedBadRequest, "claviger_refusals_total", R"(code="bad_request")", kRefusalsHelp},
    {C::kRefusedUnauthenticated, "claviger_refusals_total", R"(code="unauthenticated")", kRefusalsHelp},
    {C::kRefusedDenied, "claviger_refusals_total", R"(code="denied")", kRefusalsHelp},
    {C::kRefusedNoUpstream, "claviger_refusals_total", R"(code="no_upstream")", kRefusalsHelp},
    {C::kRefusedTooLarge, "claviger_refusals_total", R"(code="too_large")", kRefusalsHelp},
    {C::kRefusedLimited, "claviger_refusals_total", R"(code="limited")", kRefusalsHelp},
    {C::kRefusedNoCredential, "claviger_refusals_total", R"(code="no_credential")", kRefusalsHelp},
    {C::kRefusedUpstreamFailed, "claviger_refusals_total", R"(code="upstream_failed")", kRefusalsHelp},
    {C::kRefusedUpstreamTimeout, "claviger_refusals_total", R"(code="upstream_timeout")", kRefusalsHelp},
    {C::kRefusedUnavailable, "claviger_refusals_total", R"(code="unavailable")", kRefusalsHelp},
    {C::kAnswersBrokenOff, "claviger_answers_broken_off_total", "",
     "Answers that an upstream did not finish; the caller's connection was reset."},
    {C::kCallerGone, "claviger_callers_gone_total", "", "Callers that left before their answer was whole."},
    {C::kUpstreamConnects, "claviger_upstream_connects_total", "", "Connections opened to upstreams."},
    {C::kUpstreamConnectsFailed, "claviger_upstream_connects_failed_total", "",
     "Attempts to connect to an upstream that failed."},
    {C::kUpstreamReused, "claviger_upstream_reused_total", "",
     "Requests sent on a pooled upstream connection."},
    {C::kUpstreamDiscarded, "claviger_upstream_discarded_total", "",
     "Upstream connections that were not fit for reuse."},
    {C::kUpstreamGuardRefused, "claviger_upstream_guard_refused_total", "",
     "Upstream addresses that the SSRF guard refused."},
    {C::kBytesFromCallers, "claviger_bytes_from_callers_total", "", "Bytes received from callers."},
    {C::kBytesToCallers, "claviger_bytes_to_callers_total", "", "Bytes sent to callers."},
    {C::kDeadlinesExpired, "claviger_deadlines_expired_total", "",
     "Connections and calls that ran into a deadline."},
    {C::kCredentialsOpened, "claviger_credentials_opened_total", "", "Sealed credentials opened for a call."},
    {C::kCredentialEchoesMasked, "claviger_credential_echoes_masked_total", "",
     "Credentials in upstreams' answers that were overwritten."},
    {C::kAccessLogDropped, "claviger_access_log_dropped_total", "",
     "Access log lines lost because the log could not be written."},
    {C::kSnapshotsAdopted, "claviger_snapshots_adopted_total", "", "Snapshots of the resources taken over."},
    {C::kAuditEvents, "claviger_audit_events_total", "", "Events of calls handed to the audit log."},
    {C::kAuditWaits, "claviger_audit_waits_total", "", "Requests that had to wait for the audit log."},
    {C::kAuditRefused, "claviger_audit_refused_total", "",
     "Requests answered with 503 because the audit log took no more events."},
    {C::kAuditRefusalsCounted, "claviger_audit_refusals_counted_total", "",
     "Refused requests that came too fast to have an event each, and are counted in calls.refused."},
    {C::kCallsRevoked, "claviger_calls_revoked_total", "",
     "Calls ended while under way because their key, principal, grant or upstream was taken back."},
    {C::kCallsOutOfTime, "claviger_calls_out_of_time_total", "",
     "Calls ended because they took longer than their upstream's timeouts.total."},
    {C::kCallsShed, "claviger_calls_shed_total", "",
     "Requests answered with 503 while memory or file descriptors ran short."},
    {C::kLimitConnections, "claviger_limit_reached_total", R"(limit="connections")", kLimitHelp},
    {C::kLimitConnectionsPerAddress, "claviger_limit_reached_total", R"(limit="connections_per_address")",
     kLimitHelp},
    {C::kLimitStrangers, "claviger_limit_reached_total", R"(limit="strangers")", kLimitHelp},
    {C::kLimitTlsHandshake, "claviger_limit_reached_total", R"(limit="tls_handshake")", kLimitHelp},
    {C::kLimitHead, "claviger_limit_reached_total", R"(limit="head")", kLimitHelp},
    {C::kLimitHeaders, "claviger_limit_reached_total", R"(limit="headers")", kLimitHelp},
    {C::kLimitHeadTimeout, "claviger_limit_reached_total", R"(limit="head_timeout")", kLimitHelp},
    {C::kLimitRequestsPerConnection, "claviger_limit_reached_total", R"(limit="requests_per_connection")",
     kLimitHelp},
    {C::kLimitIdleTimeout, "claviger_limit_reached_total", R"(limit="idle_timeout")", kLimitHelp},
    {C::kLimitBody, "claviger_limit_reached_total", R"(limit="body")", kLimitHelp},
    {C::kLimitBodyIdleTimeout, "claviger_limit_reached_total", R"(limit="body_idle_timeout")", kLimitHelp},
    {C::kLimitBodyRate, "claviger_limit_reached_total", R"(limit="body_rate")", kLimitHelp},
    {C::kLimitSlowReader, "claviger_limit_reached_total", R"(limit="slow_reader")", kLimitHelp},
    {C::kLimitUnauthenticated, "claviger_limit_reached_total", R"(limit="unauthenticated")", kLimitHelp},
    {C::kLimitUpstreamConnections, "claviger_limit_reached_total", R"(limit="upstream_connections")",
     kLimitHelp},
    {C::kLimitUpstreamConnectionsPerPrincipal, "claviger_limit_reached_total",
     R"(limit="upstream_connections_per_principal")", kLimitHelp},
    {C::kLoopTurns, "claviger_loop_turns_total", "", "Turns of the event loop."},
    {C::kLoopBusyNanoseconds, "claviger_loop_busy_seconds_total", "",
     "Time that the event loop spent in its turns, not waiting for the next one.", kNanoseconds},
});

using G = Gauge;
constexpr auto kGauges = std::to_array<Row<Gauge>>({
    {G::kConnectionsOpen, "claviger_connections_open", "", "Connections of callers that are open."},
    {G::kRequestsActive, "claviger_requests_active", "", "Requests that are being served."},
    {G::kUpstreamIdle, "claviger_upstream_connections_idle", "",
     "Pooled upstream connections waiting for use."},
    {G::kFramePoolBytes, "claviger_frame_pool_bytes", "", "Memory held for coroutine frames."},
    {G::kBufferPoolBytes, "claviger_buffer_pool_bytes", "", "Memory held for connection buffers."},
    {G::kSnapshotRevision, "claviger_snapshot_revision", "", "Revision of the snapshot in use."},
    {G::kLoopLagNanoseconds, "claviger_loop_lag_seconds", "",
     "The longest turn of the event loop within the last 10 to 20 seconds: as long had others to wait.",
     kNanoseconds},
});

// All of the enum, in its order, each family in one piece: what expose() relies on.
template <class Id, std::size_t N>
constexpr bool is_complete(const std::array<Row<Id>, N>& rows) {
  if (N != static_cast<std::size_t>(Id::kCount)) return false;
  for (std::size_t i = 0; i < N; ++i) {
    if (rows[i].id != static_cast<Id>(i)) return false;
    for (std::size_t j = 0; j + 1 < i; ++j) {
      if (rows[j].family == rows[i].family && rows[i - 1].family != rows[i].family) return false;
    }
  }
  return true;
}
static_assert(is_complete(kCounters));
static_assert(is_complete(kGauges));

template <class Id, std::size_t N>
void expose_rows(Exposition& out, const std::array<Row<Id>, N>& rows, std::string_view type,
                 const std::vector<NamedMetrics>& workers) {
  std::string_view family;
  for (const Row<Id>& row : rows) {
    if (row.family != family) out.family(row.family, type, row.help);
    family = row.family;
    for (const NamedMetrics& worker : workers) {
      std::string labels(row.labels);
      if (!labels.empty()) labels += ',';
      labels += label("worker", worker.worker);
      const auto value = worker.metrics->value(row.id);
      if (row.unit == 1) out.sample(row.family, labels, value);
      else out.sample(row.family, labels, static_cast<double>(value) * row.unit);
    }
  }
}

constexpr auto kSides = std::to_array<std::string_view>({"caller", "upstream"});
static_assert(kSides.size() == static_cast<std::size_t>(Side::kCount));

constexpr auto kCodecRules = std::to_array<std::string_view>(
    {"start_line",      "version",           "target",       "target_size", "path",        "host",
     "line_ending",     "control_byte",      "field_line",   "folding",     "field_count", "head_size",
     "content_length",  "transfer_encoding", "two_framings", "connection",  "expect",      "chunk",
     "chunk_extension", "trailer",           "interim_body", "truncated",   "other"});
static_assert(kCodecRules.size() == static_cast<std::size_t>(CodecRule::kCount));

constexpr auto kTlsFailures =
    std::to_array<std::string_view>({"version", "cipher", "certificate", "timeout", "closed", "other"});
static_assert(kTlsFailures.size() == static_cast<std::size_t>(TlsFailure::kCount));

// What is counted by side, and by one thing more.
template <class Kind, std::size_t N>
void expose_by_side(Exposition& out, std::string_view family, std::string_view kind,
                    const std::array<std::string_view, N>& names, const std::vector<NamedMetrics>& workers) {
  for (std::size_t side = 0; side < kSides.size(); ++side) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::string labels = label("side", kSides[side]) + ',' + label(kind, names[i]) + ',';
      for (const NamedMetrics& worker : workers)
        out.sample(family, labels + label("worker", worker.worker),
                   worker.metrics->value(static_cast<Side>(side), static_cast<Kind>(i)));
    }
  }
}

void expose_codec(Exposition& out, const std::vector<NamedMetrics>& workers) {
  constexpr std::string_view kFamily = "claviger_codec_errors_total";
  out.family(kFamily, "counter", "Messages that broke a rule of HTTP, by the side that sent them.");
  expose_by_side<CodecRule>(out, kFamily, "rule", kCodecRules, workers);
}

void expose_tls(Exposition& out, const std::vector<NamedMetrics>& workers) {
  constexpr std::string_view kDone = "claviger_tls_handshakes_total";
  out.family(kDone, "counter", "TLS handshakes that were completed.");
  for (std::size_t side = 0; side < kSides.size(); ++side) {
    for (const bool tls13 : {false, true}) {
      for (const bool resumed : {false, true}) {
        const std::string labels = label("side", kSides[side]) + ',' +
                                   label("version", tls13 ? "1.3" : "1.2") + ',' +
                                   label("resumed", resumed ? "yes" : "no") + ',';
        for (const NamedMetrics& worker : workers)
          out.sample(kDone, labels + label("worker", worker.worker),
                     worker.metrics->value(TlsHandshake{static_cast<Side>(side), tls13, resumed}));
      }
    }
  }
  constexpr std::string_view kFailed = "claviger_tls_handshakes_failed_total";
  out.family(kFailed, "counter", "TLS handshakes that came to nothing, by reason.");
  expose_by_side<TlsFailure>(out, kFailed, "reason", kTlsFailures, workers);
}

void expose_requests(Exposition& out, const std::vector<NamedMetrics>& workers) {
  constexpr std::string_view kFamily = "claviger_request_duration_seconds";
  out.family(kFamily, "histogram",
             "How long requests took, from their head to the last byte of their answer.");
  for (const NamedMetrics& worker : workers)
    out.histogram(kFamily, label("worker", worker.worker), worker.metrics->requests());
}

void expose_disk_waits(Exposition& out, const std::vector<NamedMetrics>& workers) {
  constexpr std::string_view kFamily = "claviger_audit_disk_wait_seconds";
  out.family(kFamily, "histogram",
             "How long calls waited until their beginning was on disk, before anything was sent "
             "(audit.durability: strict).");
  for (const NamedMetrics& worker : workers)
    out.histogram(kFamily, label("worker", worker.worker), worker.metrics->disk_waits());
}

void expose_process(Exposition& out, const ProcessSample& process) {
  out.family("claviger_build_info", "gauge", "The version that is running, as a label.");
  out.sample("claviger_build_info", label("version", process.version), 1);
  out.family("claviger_secret_arena_bytes", "gauge", "Memory for secrets: in use, and at most.");
  out.sample("claviger_secret_arena_bytes", R"(state="in_use")", process.arena_bytes_in_use);
  out.sample("claviger_secret_arena_bytes", R"(state="limit")", process.arena_bytes_limit);
  out.family("claviger_secret_memory", "gauge", "The kind of memory that secrets live in, as a label.");
  out.sample("claviger_secret_memory", process.arena_is_memfd ? R"(kind="memfd")" : R"(kind="locked")", 1);
  out.family("claviger_openssl_arena_overflows_total", "counter",
             "Allocations of OpenSSL that did not fit into the memory for secrets.");
  out.sample("claviger_openssl_arena_overflows_total", "", process.openssl_arena_overflows);
}

void expose_audit(Exposition& out, const AuditSample& audit) {
  out.family("claviger_audit_log_events", "gauge",
             "Events in the audit log: synced, and under a checkpoint.");
  out.sample("claviger_audit_log_events", R"(state="synced")", audit.size);
  out.sample("claviger_audit_log_events", R"(state="checkpointed")", audit.checkpointed);
  out.family("claviger_audit_queued_events", "gauge", "Events that wait to be synced.");
  out.sample("claviger_audit_queued_events", "", audit.queued);
  out.family("claviger_audit_lag_seconds", "gauge", "Age of the oldest event that waits to be synced.");
  out.sample("claviger_audit_lag_seconds", "", static_cast<double>(audit.lag_ms) / 1000);
  out.family("claviger_audit_failing", "gauge", "1 while the audit log cannot be written.");
  out.sample("claviger_audit_failing", "", audit.failing ? 1 : 0);
  out.family("claviger_audit_first_event", "gauge", "Number of the oldest event that is kept.");
  out.sample("claviger_audit_first_event", "", audit.first_event);
  out.family("claviger_audit_segments", "gauge",
             "Segments that are kept, the one that is written among them.");
  out.sample("claviger_audit_segments", "", audit.segments);
  out.family("claviger_audit_bytes", "gauge", "What they take on disk, with their hashes and checkpoints.");
  out.sample("claviger_audit_bytes", "", audit.bytes);
  out.family("claviger_audit_free_bytes", "gauge", "What the audit log's disk has left.");
  out.sample("claviger_audit_free_bytes", "", audit.free_bytes);
  out.family("claviger_audit_low_on_space", "gauge",
             "1 while that is less than audit.reserve, and calls are refused.");
  out.sample("claviger_audit_low_on_space", "", audit.is_low_on_space ? 1 : 0);
  out.family("claviger_audit_upkeep_failing", "gauge",
             "1 while no new segment can be begun, or an old one cannot be pruned.");
  out.sample("claviger_audit_upkeep_failing", "", audit.upkeep_fails ? 1 : 0);
}

void expose_quotas(Exposition& out, const QuotaSample& quotas) {
  out.family("claviger_quota_counters", "gauge",
             "Counters of quotas that are in use: one for each grant and principal.");
  out.sample("claviger_quota_counters", "", quotas.counters);
  out.family("claviger_quota_saves_total", "counter",
             "Writes of quota counters to the store, failed ones included.");
  out.sample("claviger_quota_saves_total", "", quotas.saves);
  out.family("claviger_quota_saves_failed_total", "counter",
             "Writes of quota counters that failed; calls under these quotas are refused meanwhile.");
  out.sample("claviger_quota_saves_failed_total", "", quotas.failed_saves);
}

void expose_load(Exposition& out, const LoadSample& load) {
  out.family("claviger_memory_bytes", "gauge", "Memory: resident, and where calls begin to be shed.");
  out.sample("claviger_memory_bytes", R"(state="resident")", load.memory);
  out.sample("claviger_memory_bytes", R"(state="limit")", load.memory_limit);
  out.family("claviger_descriptors", "gauge", "File descriptors: open, and where calls begin to be shed.");
  out.sample("claviger_descriptors", R"(state="open")", load.descriptors);
  out.sample("claviger_descriptors", R"(state="limit")", load.descriptors_limit);
  out.family("claviger_shedding", "gauge", "1 while calls get 503 because memory or descriptors run short.");
  out.sample("claviger_shedding", "", load.sheds ? 1 : 0);
}

}  // namespace

std::string expose(const std::vector<NamedMetrics>& workers, const ProcessSample& process) {
  Exposition out;
  expose_rows(out, kCounters, "counter", workers);
  expose_rows(out, kGauges, "gauge", workers);
  expose_requests(out, workers);
  expose_disk_waits(out, workers);
  expose_codec(out, workers);
  expose_tls(out, workers);
  expose_process(out, process);
  if (process.audit) expose_audit(out, *process.audit);
  if (process.quotas) expose_quotas(out, *process.quotas);
  if (process.load) expose_load(out, *process.load);
  return out.take();
}

}  // namespace claviger::telemetry
