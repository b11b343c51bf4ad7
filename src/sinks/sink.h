// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "audit/event.h"
#include "net/loop.h"
#include "net/task.h"
#include "sinks/log_tail.h"
#include "sinks/outlet.h"
#include "sinks/position.h"
#include "sinks/retry.h"
#include "telemetry/log.h"

namespace claviger::sinks {

// What a look at a sink from outside says.
struct SinkState {
  std::string name;
  std::string type;
  std::uint64_t next_event = 0;  // number of the event that is sent next
  std::uint64_t behind_events = 0;  // may be sent, and were not
  std::uint64_t behind_seconds = 0;  // age of the oldest of them, and of those that are in doubt still
  std::uint64_t sent = 0;  // events taken from this process, those sent again included
  std::uint64_t failed = 0;  // attempts
  std::uint64_t lost = 0;  // events pruned before they were sent
  bool failing = false;  // the last attempt did not succeed
  std::string failure;
};

// What sinks need of the rest; all of it outlives them.
struct SinkSurroundings {
  net::Loop& loop;
  std::string log_directory;
  std::string origin;
  std::function<LogExtent()> extent;  // any thread's
  std::function<void(audit::Event)> record;  // for the log; on the loop's thread
  telemetry::Log& log;
  std::function<double()> chance;  // RetryPause
};

// One sink: reads what comes next, has its outlet deliver it, again and again until it is taken, and remembers how far it is.
// Nothing that is kept is left out. What was pruned meanwhile is told: in the log, by a metric, and to whoever operates it.
//
// A batch is in flight at the most; its memory is all that there is, however long the peer is away.
// Threads: its loop's, but for state(), which is any's. It reads the log's files and writes its position's.
class Sink {
 public:
  static constexpr std::chrono::milliseconds kLook{
      200};  // between looks at a log in which there was nothing new
  static constexpr std::chrono::milliseconds kSave{1000};  // between savings of the position
  static constexpr std::chrono::milliseconds kTell{60'000};  // between lines that say that it fails still
  // From the telling of a gap to the saving of what comes behind it: by then the event of it is on disk, or it is told again.
  static constexpr std::chrono::milliseconds kGapRecorded{2000};

  Sink(SinkSurroundings around, std::string name, std::string type, std::size_t batch,
       std::unique_ptr<Outlet> outlet);
  ~Sink();  // saves the position
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  void start();
  void reopen() noexcept { outlet_->reopen(); }
  // The log gets no more: it is at rest once it has sent all, or cannot.
  void finish() noexcept { finishing_ = true; }
  bool is_at_rest() const noexcept { return finishing_ && (at_end_ || waits_); }
  SinkState state() const;

 private:
  struct Delivered {
    Position behind;
    Monotonic at;
    std::optional<WallTime> oldest;
  };
  net::Task<void> run();
  net::Task<void> back_off(std::chrono::milliseconds time);
  net::Task<void> begin();
  net::Task<void> send_next();
  net::Task<void> deliver(Batch batch);
  std::chrono::milliseconds after_failed_read(const Error& error);
  bool skip_gap();
  void delivered(const Batch& batch);
  std::chrono::milliseconds settle();
  void go_back();
  std::optional<WallTime> oldest_in_doubt() const noexcept;
  void save_if_due();
  void save();
  void save_position();
  std::chrono::milliseconds failed(const Error& error);
  void tell(const Error& error);
  void succeeded();
  void show_place(std::optional<WallTime> oldest);

  const SinkSurroundings around_;
  const std::string name_;
  const std::unique_ptr<Outlet> outlet_;
  LogTail tail_;
  const PositionFile file_;
  RetryPause pause_;

  std::deque<Delivered> in_doubt_;
  Position settled_;  // what comes before it was taken for good
  Position durable_;  // and will be there after a crash
  bool begun_ = false;
  bool is_saved_ = false;  // durable_ is in the file
  bool save_failing_ = false;
  bool failing_ = false;
  bool waits_ = false;  // for the next attempt
  bool finishing_ = false;
  bool at_end_ = false;
  std::uint64_t attempts_ = 0;  // in a row that did not succeed
  Monotonic saved_at_{};
  Monotonic save_not_before_{};
  Monotonic told_at_{};

  mutable std::mutex mutex_;
  SinkState state_;
  std::optional<WallTime> oldest_;  // of what is sent next, while there is something
  std::optional<WallTime> doubted_;  // and of what is in doubt

  net::Task<void> run_;  // last: it uses all of the above
};

}  // namespace claviger::sinks
