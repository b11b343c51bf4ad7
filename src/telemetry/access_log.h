// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "telemetry/metrics.h"

namespace claviger::telemetry {

// One call, for its line in the access log and its events in the audit log. All views live until it is written. No header
// values, no bodies; of path and query what the upstream's rules show (gateway/shown_target.h).
struct AccessRecord {
  // What is known once it is decided; `call.started` has no more.
  WallTime time{};
  std::string_view request_id;
  std::string_view trace_id;  // of the trace that the call is part of, 32 hex digits; empty for none
  std::string_view span_id;  // the call's own in it, 16 hex digits
  std::string_view principal;  // empty when unauthenticated
  std::string_view auth;  // "api_key", "certificate" or "door": how the principal proved who it is
  std::string_view key_id;  // that was presented, known or not
  std::string_view
      certificate;  // name in the client certificate by which the principal is known, empty for none
  std::string_view door;  // of the gateway's own, that makes the call; empty: it comes from outside
  std::string_view address;  // the caller's, without port; or its pseudonym, or empty
  std::string_view upstream;  // empty when none was resolved
  std::string_view method;
  std::string_view path;  // canonical, with "*" for what is hidden; empty if not canonical
  std::string_view query;  // "page=2&q=*"; empty for none
  std::string_view decision;  // "allowed", or why not: one word (gateway/call.h)
  std::string_view rule;  // what refused it, in one word; empty when it is allowed: the grant says by what
  std::string_view grant;  // the grant that decided, empty for none
  std::string_view credential;  // name of the credential that was attached, empty for none
  std::uint32_t credential_version = 0;  // of its secret in the vault; 0: it comes from elsewhere

  // What came of it.
  std::uint32_t credential_opened = 0;  // how often the secret was decrypted for this call
  unsigned status = 0;
  std::string_view code;  // "ok" for relayed answers, else the error code
  std::uint64_t bytes_in = 0;  // of the request body
  std::uint64_t bytes_out = 0;  // of the answer's body
  std::chrono::microseconds duration{};
  // Parts of it, left out where there was none.
  std::chrono::microseconds waited{};  // for the audit log and for quotas
  std::chrono::microseconds connect{};  // for a connection to the upstream, with all attempts
  std::chrono::microseconds first_byte{};  // from the beginning to the head of the upstream's answer
  bool reused = false;  // an upstream connection from the pool
  unsigned retries = 0;  // attempts upstream beyond the first; left out where there was none
};

// The file end: a thread of its own writes what workers hand over, so that a slow disk or a full pipe
// never blocks a request. A convenience for operators; the record that must not lose a line is the audit
// log. When the writer falls behind by eight buffers a worker, lines are dropped and counted
// (Counter::kAccessLogDropped).
//
// Owns: its thread and, when it opened a file, the descriptor.
class AccessLogWriter {
 public:
  // `target`: "stdout", "stderr", "off", or "file:PATH" (appended to, made 0640).
  static Result<std::unique_ptr<AccessLogWriter>> open(std::string_view target);
  ~AccessLogWriter();  // writes out what is queued, bounded by 2 s
  AccessLogWriter(const AccessLogWriter&) = delete;
  AccessLogWriter& operator=(const AccessLogWriter&) = delete;

  bool is_off() const noexcept;
  // Opens the file anew (after rotation). On failure goes on with the old one.
  Result<void> reopen();

 private:
  friend class AccessLog;
  struct State;
  explicit AccessLogWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The worker end: formats lines into a 64 KiB buffer that is handed over when full, or when flush() is
// called (workers do, once a second). No allocation and no system call in append().
// Threads: its worker's. The writer outlives it.
class AccessLog {
 public:
  AccessLog(AccessLogWriter& writer, WorkerMetrics& metrics);
  ~AccessLog();  // flushes

  void append(const AccessRecord& record) noexcept;
  void flush() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace claviger::telemetry
