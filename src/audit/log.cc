// SPDX-License-Identifier: Apache-2.0
#include "audit/log.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <mutex>
#include <thread>

#include "audit/lane_queue.h"
#include "audit/log_files.h"
#include "audit/log_on_disk.h"
#include "audit/log_writer.h"

namespace claviger::audit {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

// Each look that finds something is a write and a sleep: few of them, however slowly calls come.
constexpr auto kPollMost = 10ms;
constexpr auto kPollIdleMost = 20ms;
constexpr auto kRetryFirst = 100ms;
constexpr auto kRetryMost = 1000ms;
constexpr auto kTrimEvery = 10s;
constexpr auto kPatienceAtEnd = 5s;

// Ends a sleep. A sleep costs one system call; of a condition variable it would be two.
class StopSignal {
 public:
  StopSignal() { ::sem_init(&raised_, 0, 0); }
  ~StopSignal() { ::sem_destroy(&raised_); }
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void raise() noexcept { ::sem_post(&raised_); }
  // False when it was raised. To be asked no more then.
  bool sleep(Steady::duration time) noexcept {
    const auto until = (Steady::now() + time).time_since_epoch();
    const auto whole = std::chrono::floor<std::chrono::seconds>(until);
    const timespec at{.tv_sec = whole.count(), .tv_nsec = std::chrono::nanoseconds(until - whole).count()};
    int outcome = 0;
    do outcome = ::sem_clockwait(&raised_, CLOCK_MONOTONIC, &at);
    while (outcome != 0 && errno == EINTR);
    return outcome != 0;
  }

 private:
  sem_t raised_;
};

class WritingLog final : public Log {
 public:
  WritingLog(std::unique_ptr<Disk> disk, LogFiles files, const VerifierKey& key, const LogOptions& options,
             Signer& signer, const Clock& clock)
      : lane_bytes_(options.lane_bytes),
        poll_(std::clamp<Steady::duration>(options.window / 8, 250us, kPollMost)),
        poll_idle_(std::clamp<Steady::duration>(options.window / 4, 250us, kPollIdleMost)),
        last_outbox_(files.outbox),
        key_text_(key.text()),
        disk_(std::move(disk)),
        pressure_(clock, options.stalled_after),
        writer_(*disk_, std::move(files), key, options, signer, pressure_),
        thread_([this] { run(); }) {
    ::pthread_setname_np(thread_.native_handle(), "clv-audit");
    // Its share of a core is as before, but it interrupts no worker when it wakes: what it does is never urgent. Where it cannot be had, all works.
    const sched_param unchanged{};
    (void)::pthread_setschedparam(thread_.native_handle(), SCHED_BATCH, &unchanged);
  }

  ~WritingLog() override {
    stop_.raise();
    thread_.join();
  }

  Lane& make_lane() override {
    auto lane = std::make_unique<LaneQueue>(pressure_, lane_bytes_);
    const std::lock_guard lock(mutex_);
    return *lanes_.emplace_back(std::move(lane));
  }

  LogState state() const override {
    LogState state{.size = writer_.size(), .checkpointed = writer_.checkpointed(), .lag = pressure_.lag()};
    const std::lock_guard lock(mutex_);
    for (const auto& lane : lanes_) {
      const std::uint64_t synced = lane->synced();
      state.queued += lane->appended() - synced;
    }
    state.failing = !failure_.empty();
    state.failure = failure_;
    return state;
  }

  std::uint64_t last_outbox() const noexcept override { return last_outbox_; }
  const std::string& verifier_key() const noexcept override { return key_text_; }

 private:
  void run();
  void drain();
  Steady::duration turn(Steady::duration pause);
  Steady::duration after_failure(const Error& error);
  void after_success();
  const std::vector<LaneQueue*>& lanes();
  void trim(Steady::time_point now);

  const std::size_t lane_bytes_;
  const Steady::duration poll_;
  const Steady::duration poll_idle_;
  const std::uint64_t last_outbox_;
  const std::string key_text_;
  const std::unique_ptr<Disk> disk_;
  Pressure pressure_;
  LogWriter writer_;

  // The writer thread's.
  std::vector<LaneQueue*> seen_lanes_;
  Steady::duration retry_{};
  Steady::time_point trimmed_at_ = Steady::now();

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<LaneQueue>> lanes_;
  std::string failure_;

  StopSignal stop_;
  std::thread thread_;  // last: it uses all of the above
};

void WritingLog::run() {
  Steady::duration pause = poll_;
  do pause = turn(pause);
  while (stop_.sleep(pause));
  drain();
}

// How long to sleep after it.
Steady::duration WritingLog::turn(Steady::duration pause) {
  const auto now = Steady::now();
  const auto done = writer_.turn(lanes(), now);
  if (!done.has_value()) return after_failure(done.error());
  after_success();
  trim(now);
  return *done ? poll_ : std::min(std::max(pause, poll_) * 5 / 4, poll_idle_);
}

void WritingLog::drain() {
  const auto deadline = Steady::now() + kPatienceAtEnd;
  for (;;) {
    const auto done = writer_.finish(lanes(), Steady::now());
    if (done.has_value()) return;
    const auto pause = after_failure(done.error());
    if (Steady::now() + pause > deadline) return;
    std::this_thread::sleep_for(pause);
  }
}

Steady::duration WritingLog::after_failure(const Error& error) {
  retry_ = std::clamp<Steady::duration>(retry_ * 2, kRetryFirst, kRetryMost);
  const std::lock_guard lock(mutex_);
  failure_ = error.what();
  return retry_;
}

void WritingLog::after_success() {
  if (std::exchange(retry_, Steady::duration{}) == Steady::duration{}) return;
  const std::lock_guard lock(mutex_);
  failure_.clear();
}

const std::vector<LaneQueue*>& WritingLog::lanes() {
  const std::lock_guard lock(mutex_);
  while (seen_lanes_.size() < lanes_.size()) seen_lanes_.push_back(lanes_[seen_lanes_.size()].get());
  return seen_lanes_;
}

void WritingLog::trim(Steady::time_point now) {
  if (now - trimmed_at_ < kTrimEvery) return;
  trimmed_at_ = now;
  for (LaneQueue* lane : seen_lanes_) lane->trim();
}

}  // namespace

Result<std::unique_ptr<Log>> open_log_on(std::unique_ptr<Disk> disk, const LogOptions& options,
                                         Signer& signer, const Clock& clock) {
  if (!is_key_name(options.origin))
    return Error(Code::kInvalid, Blame::kOperator, "an audit log's origin has no spaces and no '+'");
  const VerifierKey key{options.origin, signer.public_key()};
  LogFiles files = CLV_TRY(open_log_files(*disk, key));
  return std::make_unique<WritingLog>(std::move(disk), std::move(files), key, options, signer, clock);
}

Result<std::unique_ptr<Log>> Log::open(LogOptions options, Signer& signer, const Clock& clock) {
  std::unique_ptr<Disk> disk = CLV_TRY(Disk::open(options.directory));
  return open_log_on(std::move(disk), options, signer, clock);
}

}  // namespace claviger::audit
