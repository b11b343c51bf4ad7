// SPDX-License-Identifier: Apache-2.0
#include "telemetry/metrics.h"

#include <charconv>

namespace claviger::telemetry {
namespace {

template <class Id>
struct Row {
  Id id;
  std::string_view family;
  std::string_view labels;  // constant ones, as they stand in the exposition; beside worker="..."
  std::string_view help;    // the family's; the first row's counts
};

using C = Counter;
constexpr std::string_view kAnswersHelp = "Answers relayed from upstreams, by class of status.";
constexpr std::string_view kRefusalsHelp = "Answers made by the gateway itself, by error code.";

constexpr auto kCounters = std::to_array<Row<Counter>>({
    {C::kConnectionsAccepted, "claviger_connections_accepted_total", "",
     "Connections accepted from callers."},
    {C::kConnectionsRefused, "claviger_connections_refused_total", "",
     "Connections refused over a limit, before a byte was read."},
    {C::kTlsHandshakes, "claviger_tls_handshakes_total", "",
     "TLS handshakes with callers that were completed."},
    {C::kTlsHandshakesFailed, "claviger_tls_handshakes_failed_total", "",
     "TLS handshakes with callers that failed."},
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
    {C::kUpstreamRetried, "claviger_upstream_retried_total", "",
     "Requests sent again on a fresh upstream connection."},
    {C::kUpstreamGuardRefused, "claviger_upstream_guard_refused_total", "",
     "Upstream addresses that the SSRF guard refused."},
    {C::kBytesFromCallers, "claviger_bytes_from_callers_total", "", "Bytes received from callers."},
    {C::kBytesToCallers, "claviger_bytes_to_callers_total", "", "Bytes sent to callers."},
    {C::kDeadlinesExpired, "claviger_deadlines_expired_total", "",
     "Connections and calls that ran into a deadline."},
    {C::kCredentialsOpened, "claviger_credentials_opened_total", "", "Sealed credentials opened for a call."},
    {C::kAccessLogDropped, "claviger_access_log_dropped_total", "",
     "Access log lines lost because the log could not be written."},
    {C::kSnapshotsAdopted, "claviger_snapshots_adopted_total", "", "Snapshots of the resources taken over."},
    {C::kAuditEvents, "claviger_audit_events_total", "", "Events of calls handed to the audit log."},
    {C::kAuditWaits, "claviger_audit_waits_total", "", "Requests that had to wait for the audit log."},
    {C::kAuditRefused, "claviger_audit_refused_total", "",
     "Requests answered with 503 because the audit log took no more events."},
    {C::kAuditRefusalsUnrecorded, "claviger_audit_refusals_unrecorded_total", "",
     "Unreadable requests refused without an event while the audit log took none."},
    {C::kCallsRevoked, "claviger_calls_revoked_total", "",
     "Calls ended while under way because their key, principal, grant or upstream was taken back."},
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

class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    append({"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"});
  }

  // `labels` as they stand between the braces; values escaped already.
  template <class Number>
  void sample(std::string_view name, std::string_view labels, Number value) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    append({name,
            labels.empty() ? "" : "{",
            labels,
            labels.empty() ? " " : "} ",
            {digits.data(), static_cast<std::size_t>(end - digits.data())},
            "\n"});
  }

  std::string take() { return std::move(text_); }

 private:
  void append(std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) text_.append(part);
  }

  std::string text_;
};

std::string label(std::string_view name, std::string_view value) {
  std::string text = std::string(name) + "=\"";
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
  return text + '"';
}

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
      out.sample(row.family, labels += label("worker", worker.worker), worker.metrics->value(row.id));
    }
  }
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

}  // namespace

std::string expose(const std::vector<NamedMetrics>& workers, const ProcessSample& process) {
  Exposition out;
  expose_rows(out, kCounters, "counter", workers);
  expose_rows(out, kGauges, "gauge", workers);
  expose_process(out, process);
  if (process.audit) expose_audit(out, *process.audit);
  if (process.quotas) expose_quotas(out, *process.quotas);
  return out.take();
}

}  // namespace claviger::telemetry
