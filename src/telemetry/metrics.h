// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "telemetry/histogram.h"

namespace claviger::telemetry {

// Everything that is counted, once. The table in expose.cc gives each its Prometheus name, constant
// labels and help; adding a metric is one line here and one there.
enum class Counter : std::uint8_t {
  kConnectionsAccepted,
  kConnectionsRefused,      // over a limit, before a byte was read
  kConnectionsTurnedOut,    // in favour of others, or for want of memory or descriptors
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
  kUpstreamGuardRefused,    // the SSRF guard said no
  kBytesFromCallers,
  kBytesToCallers,
  kDeadlinesExpired,
  kCredentialsOpened,
  kCredentialEchoesMasked,   // in answers, overwritten
  kAccessLogDropped,
  kSnapshotsAdopted,
  kAuditEvents,              // of calls, handed to the audit log
  kAuditWaits,               // requests that had to wait for the audit log
  kAuditRefused,             // of them, those that waited for lane_timeout in vain
  kAuditRefusalsCounted,  // refused requests that stand in the audit log as a number only
  kCallsRevoked,  // ended while under way
  kCallsOutOfTime,  // ended because they took longer than timeouts.total
  kCallsShed,  // answered with 503 while memory or descriptors ran short
  // What limits kept back, one for each.
  kLimitConnections,
  kLimitConnectionsPerAddress,
  kLimitStrangers,
  kLimitTlsHandshake,
  kLimitHead,
  kLimitHeaders,
  kLimitHeadTimeout,
  kLimitRequestsPerConnection,
  kLimitIdleTimeout,
  kLimitBody,
  kLimitBodyIdleTimeout,
  kLimitBodyRate,
  kLimitSlowReader,
  kLimitUnauthenticated,
  kLimitUpstreamConnections,
  kLimitUpstreamConnectionsPerPrincipal,
  kLoopTurns,
  kLoopBusyNanoseconds,  // spent in them, not waiting
  kCount,
};

enum class Gauge : std::uint8_t {
  kConnectionsOpen,
  kRequestsActive,
  kUpstreamIdle,
  kFramePoolBytes,
  kBufferPoolBytes,
  kSnapshotRevision,
  kLoopLagNanoseconds,
  kCount,
};

// Who is at the other end.
enum class Side : std::uint8_t { kCaller, kUpstream, kCount };

// What was wrong with a message, as far as it is worth telling apart on a chart; the reason in full is in the answer and in
// the log. http/codec_rule.h says which is which.
enum class CodecRule : std::uint8_t {
  kStartLine,
  kVersion,
  kTarget,
  kTargetSize,
  kPath,
  kHost,
  kLineEnding,
  kControlByte,
  kFieldLine,
  kFolding,
  kFieldCount,
  kHeadSize,
  kContentLength,
  kTransferEncoding,
  kTwoFramings,
  kConnection,
  kExpect,
  kChunk,
  kChunkExtension,
  kTrailer,
  kInterimBody,
  kTruncated,
  kOther,
  kCount,
};

// Why a TLS handshake came to nothing.
enum class TlsFailure : std::uint8_t { kVersion, kCipher, kCertificate, kTimeout, kClosed, kOther, kCount };

// One that was completed.
struct TlsHandshake {
  Side side;
  bool tls13;
  bool resumed;
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
  void add(Side side, CodecRule broken) noexcept { increment(codec_errors_[index(side, broken)]); }
  void add(const TlsHandshake& done) noexcept { increment(handshakes_[index(done)]); }
  void add(Side side, TlsFailure why) noexcept { increment(handshakes_failed_[index(side, why)]); }
  // A request, from its head to its answer's last byte.
  void add_request(std::chrono::nanoseconds took) noexcept { requests_.add(took); }
  // A call, for its beginning to be on disk.
  void add_disk_wait(std::chrono::nanoseconds took) noexcept { disk_waits_.add(took); }

  std::uint64_t value(Counter counter) const noexcept {
    return counters_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }
  std::int64_t value(Gauge gauge) const noexcept {
    return gauges_[static_cast<std::size_t>(gauge)].load(std::memory_order_relaxed);
  }
  std::uint64_t value(Side side, CodecRule broken) const noexcept {
    return codec_errors_[index(side, broken)].load(std::memory_order_relaxed);
  }
  std::uint64_t value(const TlsHandshake& done) const noexcept {
    return handshakes_[index(done)].load(std::memory_order_relaxed);
  }
  std::uint64_t value(Side side, TlsFailure why) const noexcept {
    return handshakes_failed_[index(side, why)].load(std::memory_order_relaxed);
  }
  const Histogram& requests() const noexcept { return requests_; }
  const Histogram& disk_waits() const noexcept { return disk_waits_; }

 private:
  using Cell = std::atomic<std::uint64_t>;
  static void increment(Cell& cell) noexcept {
    cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  template <class Kind>
  static constexpr std::size_t index(Side side, Kind kind) noexcept {
    return static_cast<std::size_t>(side) * static_cast<std::size_t>(Kind::kCount) +
           static_cast<std::size_t>(kind);
  }
  static constexpr std::size_t index(const TlsHandshake& done) noexcept {
    return static_cast<std::size_t>(done.side) * 4 + (done.tls13 ? 2U : 0U) + (done.resumed ? 1U : 0U);
  }

  static constexpr auto kSides = static_cast<std::size_t>(Side::kCount);

  std::array<Cell, static_cast<std::size_t>(Counter::kCount)> counters_{};
  std::array<std::atomic<std::int64_t>, static_cast<std::size_t>(Gauge::kCount)> gauges_{};
  std::array<Cell, kSides* static_cast<std::size_t>(CodecRule::kCount)> codec_errors_{};
  std::array<Cell, kSides * 4> handshakes_{};
  std::array<Cell, kSides* static_cast<std::size_t>(TlsFailure::kCount)> handshakes_failed_{};
  Histogram requests_;
  Histogram disk_waits_;
};

}  // namespace claviger::telemetry
