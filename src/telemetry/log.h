// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/error.h"
#include "base/result.h"

namespace claviger::telemetry {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };
Result<Level> parse_level(std::string_view text);  // debug | info | warning | error

// One member of a log line. Values are text, numbers or booleans; there is no constructor from
// SecretBytes, and redact() goes over all text.
struct LogField {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, std::uint64_t, bool> value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  template <class T>
    requires std::is_integral_v<T>
  LogField(std::string_view k, T v) : key(k), value() {
    if constexpr (std::is_signed_v<T>) value = static_cast<std::int64_t>(v);
    else value = static_cast<std::uint64_t>(v);
  }
};

// Structured log for operators: one JSON object a line, {"time","level","event",...fields}.
// Not for calls: those have a record of their own (access_log.h).
//
// Threads: any. A write waits for whoever reads the descriptor: on the request path ask can_write() first.
// Secrets: every text value goes through redact() (redact.h), whatever the level.
class Log {
 public:
  // Where lines go: an open descriptor, not owned (2 for stderr). A line is one write(2).
  Log(Level level, int fd, const Clock& clock);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool enabled(Level level) const noexcept { return level >= level_.load(std::memory_order_relaxed); }
  // For lines from now on.
  void set_level(Level level) noexcept { level_.store(level, std::memory_order_relaxed); }
  // Whether a line would be taken at once (a pipe that nobody reads does not). For threads that must not wait.
  bool can_write() const noexcept;
  // `event` is a stable word for machines: "listener_started".
  void write(Level level, std::string_view event, std::initializer_list<LogField> fields) noexcept;

  void debug(std::string_view event, std::initializer_list<LogField> fields = {}) noexcept {
    if (enabled(Level::kDebug)) write(Level::kDebug, event, fields);
  }
  void info(std::string_view event, std::initializer_list<LogField> fields = {}) noexcept {
    write(Level::kInfo, event, fields);
  }
  void warning(std::string_view event, std::initializer_list<LogField> fields = {}) noexcept {
    write(Level::kWarning, event, fields);
  }
  void error(std::string_view event, std::initializer_list<LogField> fields = {}) noexcept {
    write(Level::kError, event, fields);
  }

 private:
  std::atomic<Level> level_;
  struct Sink;
  std::unique_ptr<Sink> sink_;
};

}  // namespace claviger::telemetry
