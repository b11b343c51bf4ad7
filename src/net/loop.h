// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/deadline_wheel.h"
#include "net/frame_pool.h"
#include "telemetry/metrics.h"

namespace claviger::net {

// Readiness, in the loop's own words so that epoll stays inside this module.
struct Events {
  bool readable = false;
  bool writable = false;
  bool half_closed = false;  // the peer will send no more; it may still read
  bool broken = false;       // hung up in both directions, or an error
};

// Somebody who is told of a descriptor's events. Must stay alive until Loop::remove, and beyond it to
// the end of the batch: hand it to Loop::bury().
class EventHandler {
 public:
  virtual ~EventHandler() = default;
  virtual void on_events(Events events) noexcept = 0;
};

// Costly work that everything else comes before: see Loop::defer().
class Deferred {
 public:
  virtual void on_turn() noexcept = 0;

 protected:
  ~Deferred() = default;
};

enum class Trigger : std::uint8_t { kEdge, kLevel };

// One epoll, one thread, and everything that is timed on it.
//
// Owns: the epoll descriptor, the frame pool of its thread's tasks, the deadline wheel.
// Threads: run() and all else on one; post() and stop() from any.
class Loop {
 public:
  static Result<std::unique_ptr<Loop>> create(const Clock& clock);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Serves until stop(). Everything that the loop's tasks use must outlive this call.
  void run();
  // One batch; waits at most `limit` for it. For tests, and for finishing up after run().
  void turn(std::chrono::milliseconds limit);
  void stop() noexcept;
  // Runs `work` on the loop, soon.
  void post(std::function<void()> work);

  // Watches a descriptor for reading and, with kEdge, for writing as well.
  Result<void> add(int fd, Trigger trigger, EventHandler& handler);
  // For libraries that say what they wait for: level-triggered, either or both.
  Result<void> watch(int fd, bool readable, bool writable, bool is_new, EventHandler& handler);
  void remove(int fd) noexcept;
  // Destroys it after the current batch, in which a later event may still point at it.
  void bury(std::unique_ptr<EventHandler> handler);

  // Where what happens on this thread is counted, from now on; null, as in the beginning: nowhere that is read.
  void count_in(telemetry::WorkerMetrics* metrics) noexcept {
    metrics_ = metrics != nullptr ? metrics : &unread_;
  }
  telemetry::WorkerMetrics& metrics() noexcept { return *metrics_; }

  // Resumes at the end of the current turn: for giving way, and for waking somebody from deep inside a call.
  void resume_soon(std::coroutine_handle<> handle) { ready_.push_back(handle); }
  auto yield() noexcept {
    struct Yield {
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> handle) const { loop.resume_soon(handle); }
      void await_resume() const noexcept {}
      Loop& loop;
    };
    return Yield{*this};
  }

  // One of them is run in each turn, once all events have been: a flood of them keeps nobody waiting for longer than one
  // takes. The newest comes first, so that during a flood some are in time, where otherwise all would be late.
  // `work` stays alive until it has run, or undefer().
  void defer(Deferred& work) { deferred_.push_back(&work); }
  void undefer(const Deferred& work) noexcept { std::erase(deferred_, &work); }

  // Read once for each turn.
  Monotonic now() const noexcept { return now_; }
  WallTime wall_now() const noexcept { return wall_now_; }
  const Clock& clock() const noexcept { return clock_; }
  DeadlineWheel& deadlines() noexcept { return wheel_; }
  FramePool& frames() noexcept { return frames_; }

 private:
  class Wake;
  Loop(const Clock& clock, int epoll_fd) noexcept;
  int wait_limit_ms(std::chrono::milliseconds limit) const noexcept;
  void run_posted();
  void run_deferred() noexcept;
  void count_turn() noexcept;

  const Clock& clock_;
  FramePool frames_;  // outlives all that is below, which may hold frames
  int epoll_fd_;
  Monotonic now_;
  WallTime wall_now_;
  DeadlineWheel wheel_;
  std::unique_ptr<Wake> wake_;
  std::vector<std::coroutine_handle<>> ready_, resuming_;
  std::vector<Deferred*> deferred_;  // the newest last
  std::vector<std::unique_ptr<EventHandler>> buried_;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
  std::atomic<bool> stopping_{false};
  telemetry::WorkerMetrics unread_;
  telemetry::WorkerMetrics* metrics_ = &unread_;
  Monotonic lag_since_{};
  std::chrono::nanoseconds lag_{0}, lag_before_{0};  // longest turns: since then, and in the time before
};

// Calls back once, or wakes one task, after a time.
class Timer final : public Deadline {
 public:
  explicit Timer(Loop& loop) noexcept : loop_(loop) {}
  void start(std::chrono::milliseconds after, std::function<void()> then);
  void cancel() noexcept { loop_.deadlines().clear(*this); }

 private:
  void on_deadline() noexcept override;
  Loop& loop_;
  std::function<void()> then_;
};

}  // namespace claviger::net
