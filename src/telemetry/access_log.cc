// SPDX-License-Identifier: Apache-2.0
#include "telemetry/access_log.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>
#include <thread>

#include "telemetry/access_line.h"
#include "telemetry/access_log_spool.h"

namespace claviger::telemetry {
namespace {

// Signals are for the thread that waits for them; a new thread inherits what is blocked.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

Result<std::thread> start_writer(const std::shared_ptr<AccessLogSpool>& spool) {
  const AllSignalsBlocked blocked;
  try {
    std::thread thread([spool] {
      pthread_setname_np(pthread_self(), "clv-accesslog");
      spool->run();
    });
    return thread;
  } catch (const std::system_error& error) {
    return Error::from_errno(Code::kUnavailable, Blame::kOperator, "start the access log's thread",
                             error.code().value());
  }
}

}  // namespace

struct AccessLogWriter::State {
  std::shared_ptr<AccessLogSpool> spool;  // none when off; the thread has a share
  std::thread thread;
};

AccessLogWriter::AccessLogWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<AccessLogWriter>> AccessLogWriter::open(std::string_view target) {
  auto state = std::make_unique<State>();
  if (target != "off") {
    state->spool = CLV_TRY(AccessLogSpool::open(target));
    state->thread = CLV_TRY(start_writer(state->spool));
  }
  return std::unique_ptr<AccessLogWriter>(new AccessLogWriter(std::move(state)));
}

AccessLogWriter::~AccessLogWriter() {
  if (is_off()) return;
  constexpr std::chrono::milliseconds kDrain{2000};
  constexpr std::chrono::milliseconds kGrace{200};  // to come back from a call
  const Monotonic deadline = std::chrono::steady_clock::now() + kDrain;
  state_->spool->stop(deadline);
  // A write to a hung disk cannot be called back. Then the thread is left to itself, with its spool.
  if (state_->spool->wait_for_end(deadline + kGrace)) state_->thread.join();
  else state_->thread.detach();
}

bool AccessLogWriter::is_off() const noexcept { return state_->spool == nullptr; }

Result<void> AccessLogWriter::reopen() { return is_off() ? ok() : state_->spool->reopen(); }

struct AccessLog::State {
  AccessLogSpool& spool;
  AccessLogLane& lane;
  WorkerMetrics& metrics;
  AccessLogBuffer* buffer = nullptr;
  TimestampWriter timestamps;

  void count_dropped() noexcept {
    if (const std::uint64_t dropped = lane.take_dropped(); dropped > 0)
      metrics.add(Counter::kAccessLogDropped, dropped);
  }
  void hand_over() noexcept {
    if (buffer != nullptr && buffer->size > 0) spool.hand_over(*std::exchange(buffer, nullptr));
  }
};

AccessLog::AccessLog(AccessLogWriter& writer, WorkerMetrics& metrics) {
  if (writer.is_off()) return;
  AccessLogSpool& spool = *writer.state_->spool;
  state_ = std::unique_ptr<State>(new State{spool, spool.attach(), metrics, nullptr, {}});
}

AccessLog::~AccessLog() {
  if (!state_) return;
  state_->count_dropped();
  state_->hand_over();
  state_->spool.detach(state_->lane);
}

void AccessLog::append(const AccessRecord& record) noexcept {
  if (!state_) return;
  State& state = *state_;
  state.count_dropped();
  if (state.buffer != nullptr && AccessLogBuffer::kCapacity - state.buffer->size < kAccessLineMax)
    state.hand_over();
  if (state.buffer == nullptr) state.buffer = state.spool.take(state.lane);
  if (state.buffer == nullptr) {
    state.metrics.add(Counter::kAccessLogDropped);
    return;
  }
  char* const at = state.buffer->data.data() + state.buffer->size;
  state.buffer->size +=
      write_access_line(std::span<char, kAccessLineMax>(at, kAccessLineMax), record, state.timestamps);
}

void AccessLog::flush() noexcept {
  if (!state_) return;
  state_->count_dropped();
  // With a writer that is behind, half-empty buffers would only use up the queue.
  if (state_->lane.free_buffers() >= AccessLogLane::kBuffers / 2) state_->hand_over();
}

}  // namespace claviger::telemetry
