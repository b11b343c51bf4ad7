// SPDX-License-Identifier: Apache-2.0
#include "telemetry/log.h"

#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

#include "base/parse.h"
#include "telemetry/redact.h"
#include "telemetry/redact_rules.h"
#include "telemetry/redact_scanner.h"

namespace claviger::telemetry {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};

std::string_view level_name(Level level) noexcept { return kLevelNames[static_cast<std::size_t>(level)]; }

// Whole lines to a descriptor. A reader of a non-blocking descriptor that stopped reading gets a moment to
// catch up, once; then lines are given up until it reads again, since a log must not hold up what it
// tells about.
class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit DescriptorSink(int fd) : base_sink(std::make_unique<spdlog::pattern_formatter>("%v")), fd_(fd) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    if (is_torn_) line.push_back('\n');
    formatter_->format(message, line);
    const std::size_t written = write_out({line.data(), line.size()});
    is_stalled_ = written < line.size();
    if (written > 0) is_torn_ = is_stalled_;
  }

  void flush_() override {}

  // How much was taken.
  std::size_t write_out(std::string_view line) const noexcept {
    std::size_t done = 0;
    while (done < line.size()) {
      const ssize_t written = ::write(fd_, line.data() + done, line.size() - done);
      if (written >= 0) done += static_cast<std::size_t>(written);
      else if (errno == EAGAIN && becomes_writable()) continue;
      else if (errno != EINTR) break;
    }
    return done;
  }

  bool becomes_writable() const noexcept {
    constexpr int kPatienceMs = 100;
    pollfd poller{fd_, POLLOUT, 0};
    return ::poll(&poller, 1, is_stalled_ ? 0 : kPatienceMs) > 0;
  }

  int fd_;
  bool is_stalled_ = false;  // the last line was given up
  bool is_torn_ = false;     // and part of it had been written
};

void append_text(std::string& line, std::string_view text) {
  line += '"';
  append_json_escaped(line, text);
  line += '"';
}

// A field that is called "token" has been put there by mistake, whatever its value looks like.
bool names_secret(std::string_view key) noexcept {
  const auto kind = classify_name(key);
  return kind && *kind != NameKind::kQuery;
}

void append_field(std::string& line, const LogField& field) {
  line += ',';
  append_text(line, field.key);
  line += ':';
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    append_text(line, names_secret(field.key) && !text->empty() ? std::string(kRedacted) : redact(*text));
  } else if (const auto* flag = std::get_if<bool>(&field.value)) {
    line += *flag ? "true" : "false";
  } else if (const auto* whole = std::get_if<std::int64_t>(&field.value)) {
    line += std::to_string(*whole);
  } else {
    line += std::to_string(std::get<std::uint64_t>(field.value));
  }
}

}  // namespace

Result<Level> parse_level(std::string_view text) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == text) return static_cast<Level>(i);
  }
  return Error(Code::kInvalid, Blame::kOperator, "log level must be debug, info, warning or error");
}

struct Log::Sink {
  Sink(int fd, const Clock& c)
      : clock(c), descriptor(fd), logger("claviger", std::make_shared<DescriptorSink>(fd)) {
    logger.set_level(spdlog::level::trace);  // Log has decided already
    logger.set_error_handler([](const std::string&) {});  // else spdlog writes to stderr by itself
  }

  const Clock& clock;
  int descriptor;
  spdlog::logger logger;
};

Log::Log(Level level, int fd, const Clock& clock) : level_(level), sink_(std::make_unique<Sink>(fd, clock)) {}

Log::~Log() = default;

bool Log::can_write() const noexcept {
  pollfd wanted{.fd = sink_->descriptor, .events = POLLOUT, .revents = 0};
  return ::poll(&wanted, 1, 0) == 1 && (wanted.revents & POLLOUT) != 0;
}

void Log::write(Level level, std::string_view event, std::initializer_list<LogField> fields) noexcept {
  if (!enabled(level)) return;
  try {
    std::string line = R"({"time":")" + base::format_rfc3339(sink_->clock.wall()) + R"(","level":")";
    line += level_name(level);
    line += R"(","event":)";
    append_text(line, redact(event));
    for (const LogField& field : fields) append_field(line, field);
    line += '}';
    sink_->logger.log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  } catch (...) {
    // Out of memory, or a fault in the library: the line is lost, the gateway goes on.
  }
}

}  // namespace claviger::telemetry
