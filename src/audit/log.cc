// SPDX-License-Identifier: Apache-2.0
#include "audit/log.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "audit/lane_queue.h"
#include "audit/log_files.h"
#include "audit/log_keys.h"
#include "audit/log_on_disk.h"
#include "audit/log_writer.h"
#include "audit/orphans.h"
#include "audit/writer_bell.h"

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
constexpr std::size_t kOrphansAtOnce = std::size_t{1} << 17;

class WritingLog final : public Log {
 public:
  WritingLog(std::unique_ptr<Disk> disk, LogFiles files, const LogKeys& keys, const LogOptions& options,
             Signer& signer, const Clock& clock)
      : lane_bytes_(options.lane_bytes),
        poll_(std::clamp<Steady::duration>(options.window / 8, 250us, kPollMost)),
        poll_idle_(std::clamp<Steady::duration>(options.window / 4, 250us, kPollIdleMost)),
        last_outbox_(files.outbox),
        disk_(std::move(disk)),
        pressure_(clock, options.stalled_after),
        writer_(*disk_, std::move(files), keys, options, signer, pressure_, clock),
        keys_(keys) {}

  ~WritingLog() override {
    if (!thread_.joinable()) return;
    bell_.stop();
    thread_.join();
  }

  // Before start(): ends the calls that nobody is left to end; no call that has no end began before `from`.
  Result<void> end_orphans(const LogPlace& from, const Clock& clock);
  void start(Durability durability);

  Lane& make_lane(LaneOptions options) override {
    auto lane = std::make_unique<LaneQueue>(pressure_, lane_bytes_, std::move(options), &bell_);
    const std::lock_guard lock(mutex_);
    return *lanes_.emplace_back(std::move(lane));
  }

  LogState state() const override {
    LogState state{.size = writer_.size(),
                   .checkpointed = writer_.checkpointed(),
                   .lag = pressure_.lag(),
                   .is_stalled = pressure_.is_stalled(),
                   .first_event = writer_.first_event(),
                   .segments = writer_.segments(),
                   .bytes = writer_.bytes(),
                   .free_bytes = writer_.free_bytes(),
                   .is_low_on_space = pressure_.is_low_on_space()};
    const std::lock_guard lock(mutex_);
    for (const auto& lane : lanes_) {
      const std::uint64_t synced = lane->synced();
      state.queued += lane->appended() - synced;
    }
    state.failing = !failure_.empty();
    state.failure = failure_;
    state.upkeep_failure = upkeep_failure_;
    return state;
  }

  std::uint64_t last_outbox() const noexcept override { return last_outbox_; }

  std::string verifier_key() const override {
    const std::lock_guard lock(mutex_);
    return keys_.current().text();
  }
  std::string verifier_key_of(const crypto::Ed25519PublicKey& key) const override {
    const std::lock_guard lock(mutex_);
    return VerifierKey{keys_.origin(), key}.text();
  }
  Result<void> check_rotation() const override;
  void rotate_key(Signer& next) override;
  bool is_rotating_key() const noexcept override { return is_rotating_key_.load(std::memory_order_acquire); }

 private:
  void run();
  void drain();
  Steady::duration turn(Steady::duration pause);
  Steady::duration after_failure(const Error& error);
  void after_success();
  void note_upkeep();
  void take_next_signer();
  void note_keys();
  bool is_failing() const noexcept { return retry_ != Steady::duration{}; }
  void set_failing(bool failing);
  const std::vector<LaneQueue*>& lanes();
  void trim(Steady::time_point now);

  const std::size_t lane_bytes_;
  const Steady::duration poll_;
  const Steady::duration poll_idle_;
  const std::uint64_t last_outbox_;
  const std::unique_ptr<Disk> disk_;
  Pressure pressure_;
  WriterBell bell_;
  LogWriter writer_;

  // The writer thread's.
  std::vector<LaneQueue*> seen_lanes_;
  std::string seen_upkeep_failure_;
  Steady::duration retry_{};
  Steady::time_point trimmed_at_ = Steady::now();

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<LaneQueue>> lanes_;
  std::string failure_;
  std::string upkeep_failure_;
  LogKeys keys_;
  Signer* next_signer_ = nullptr;  // that the writer does not know of yet
  std::atomic<bool> is_rotating_key_{false};

  std::thread thread_;  // last: it uses all of the above
};

// In the order in which they began, as far as that costs no more memory. What is on its way is open still, for the state.
Result<void> WritingLog::end_orphans(const LogPlace& from, const Clock& clock) {
  Lane& lane = make_lane({});
  return find_orphans(*disk_, from, kOrphansAtOnce, [&](const std::vector<LogPlace>& places) -> Result<void> {
    for (const LogPlace& place : places) writer_.expect_end(lane, place.event, place);
    for (const LogPlace& place : places) {
      lane.append(CLV_TRY(end_of_orphan(*disk_, place, clock.wall())), 0,
                  {place.event, CallMark::Kind::kFinished});
      if (!lane.has_room(clock.monotonic())) CLV_TRY_VOID(writer_.finish(lanes(), Steady::now()));
    }
    return writer_.finish(lanes(), Steady::now());
  });
}

void WritingLog::start(Durability durability) {
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), "clv-audit");
  if (durability == Durability::kStrict) return;  // calls wait for it
  // Its share of a core is as before, but it interrupts no worker when it wakes: what it does is never urgent. Where
  // that cannot be had, all works.
  const sched_param unchanged{};
  (void)::pthread_setschedparam(thread_.native_handle(), SCHED_BATCH, &unchanged);
}

void WritingLog::run() {
  Steady::duration pause = poll_;
  do pause = turn(pause);
  while (is_failing() || writer_.gathers() ? bell_.rest(pause) : bell_.sleep(pause));
  drain();
}

// How long to sleep after it.
Steady::duration WritingLog::turn(Steady::duration pause) {
  const auto now = Steady::now();
  take_next_signer();
  const auto done = writer_.turn(lanes(), now);
  if (!done.has_value()) return after_failure(done.error());
  after_success();
  note_upkeep();
  note_keys();
  trim(now);
  if (const auto step = writer_.gathers()) return *step;
  // More is wanted at once than one write takes.
  if (std::ranges::any_of(seen_lanes_, &LaneQueue::is_hurried)) return Steady::duration{};
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
  {
    const std::lock_guard lock(mutex_);
    failure_ = error.what();
  }
  set_failing(true);
  return retry_;
}

void WritingLog::after_success() {
  if (std::exchange(retry_, Steady::duration{}) == Steady::duration{}) return;
  {
    const std::lock_guard lock(mutex_);
    failure_.clear();
  }
  set_failing(false);
}

void WritingLog::note_upkeep() {
  if (seen_upkeep_failure_ == writer_.upkeep_failure()) return;
  seen_upkeep_failure_ = writer_.upkeep_failure();
  const std::lock_guard lock(mutex_);
  upkeep_failure_ = seen_upkeep_failure_;
}

Result<void> WritingLog::check_rotation() const {
  const std::lock_guard lock(mutex_);
  if (is_rotating_key())
    return Error(Code::kConflict, Blame::kCaller, "the audit log's key is being rotated already");
  if (!failure_.empty())
    return Error(Code::kUnavailable, Blame::kOperator, "the audit log cannot be written at the moment");
  if (keys_.all().size() >= KeyChain::kMostKeys)
    return Error(Code::kInvalid, Blame::kOperator,
                 "the audit log has had too many keys: begin a new one by moving its directory away");
  return ok();
}

void WritingLog::rotate_key(Signer& next) {
  const std::lock_guard lock(mutex_);
  is_rotating_key_.store(true, std::memory_order_release);
  next_signer_ = &next;
}

void WritingLog::take_next_signer() {
  if (!is_rotating_key() || writer_.is_rotating_key()) return;
  const std::lock_guard lock(mutex_);
  if (Signer* const next = std::exchange(next_signer_, nullptr)) writer_.begin_key_rotation(*next);
}

void WritingLog::note_keys() {
  if (!is_rotating_key() || writer_.is_rotating_key()) return;
  const std::lock_guard lock(mutex_);
  if (next_signer_ != nullptr) return;
  keys_ = writer_.keys();
  is_rotating_key_.store(false, std::memory_order_release);
}

// Whoever waits for the disk waits no longer.
void WritingLog::set_failing(bool failing) {
  pressure_.set_failing(failing);
  for (LaneQueue* lane : seen_lanes_) lane->tell();
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
                                         Signer& signer, const Clock& clock, Signer* next) {
  if (!is_key_name(options.origin))
    return Error(Code::kInvalid, Blame::kOperator, "an audit log's origin has no spaces and no '+'");
  const LogKeys keys =
      CLV_TRY(find_log_keys(*disk, options.origin, signer.public_key(),
                            next != nullptr ? std::optional(next->public_key()) : std::nullopt));
  Signer& current = keys.is_taking_over() ? *next : signer;
  LogFiles files = CLV_TRY(open_log_files(*disk, keys));
  const LogPlace unfinished_from = files.unfinished_from;
  auto log = std::make_unique<WritingLog>(std::move(disk), std::move(files), keys, options, current, clock);
  CLV_TRY_VOID(log->end_orphans(unfinished_from, clock));
  if (next != nullptr) log->rotate_key(*next);
  log->start(options.durability);
  return log;
}

Result<std::unique_ptr<Log>> Log::open(LogOptions options, Signer& signer, const Clock& clock, Signer* next) {
  std::unique_ptr<Disk> disk = CLV_TRY(Disk::open(options.directory));
  return open_log_on(std::move(disk), options, signer, clock, next);
}

}  // namespace claviger::audit
