// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "audit/lane.h"
#include "base/check.h"
#include "base/result.h"
#include "gateway/interruption.h"
#include "net/loop.h"
#include "net/source.h"

namespace claviger::gateway {

// The calls of one worker that wait until what they appended to the audit lane is on disk; in the order in which they
// appended it, which is that in which it gets there. Only in strict mode (audit.durability).
//
// However many wait, there is one message from the writer when the disk got further, one turn of the loop that resumes those that it
// concerns, and one deadline.
//
// Threads: its loop's.
class DiskQueue final : private net::Deadline {
 public:
  // `loop` and `lane` outlive it. Nobody waits for longer than `limit`.
  DiskQueue(net::Loop& loop, audit::Lane& lane, std::chrono::milliseconds limit) noexcept
      : loop_(loop), lane_(lane), limit_(limit) {}
  ~DiskQueue() override = default;  // nobody waits any more
  DiskQueue(const DiskQueue&) = delete;
  DiskQueue& operator=(const DiskQueue&) = delete;

  // The disk got further, or fails, or works again: resumes whom it concerns.
  void look() noexcept;

  // One call's waiting: `co_await Wait(...)`. Ends with ok() once all that was appended by then is on disk; with kUnavailable when the
  // disk fails, or takes too long; with kCancelled when the caller is gone, or the call is interrupted.
  // Requires: all three outlive it.
  class Wait final : public Interruptible, public net::HangupWatcher {
   public:
    Wait(DiskQueue& queue, net::Source& caller, Interruption& interruption) noexcept
        : queue_(queue), caller_(caller), interruption_(interruption) {}
    ~Wait() {
      if (handle_) leave();
    }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> handle) noexcept;
    Result<void> await_resume() noexcept;

   private:
    friend class DiskQueue;
    enum class Outcome : std::uint8_t { kNone, kOnDisk, kFailing, kTooLate, kGone };
    void interrupt(Interrupted why) noexcept override;
    void on_hangup() noexcept override { end(Outcome::kGone); }
    void end(Outcome outcome) noexcept;
    void leave() noexcept;

    DiskQueue& queue_;
    net::Source& caller_;
    Interruption& interruption_;
    std::uint64_t wanted_ = 0;  // events of the lane
    Monotonic until_{};
    Wait* previous_ = nullptr;
    Wait* next_ = nullptr;
    Outcome outcome_ = Outcome::kNone;
    std::coroutine_handle<> handle_;
  };

 private:
  void link(Wait& wait) noexcept;
  void unlink(Wait& wait) noexcept;
  Wait::Outcome outcome_of(const Wait& wait) const noexcept;
  void on_deadline() noexcept override;

  net::Loop& loop_;
  audit::Lane& lane_;
  const std::chrono::milliseconds limit_;
  Wait* first_ = nullptr;
  Wait* last_ = nullptr;
};

// The way from the log's writer to a worker's queue. The log lives longer than the worker.
class DiskNews {
 public:
  // What the lane is to call (audit::LaneOptions). Until open() and after close() it does nothing.
  static std::function<void()> bell(const std::shared_ptr<DiskNews>& news) {
    return [news] { news->ring(); };
  }
  void open(net::Loop& loop, DiskQueue& queue) noexcept;
  void close() noexcept;  // before the loop goes; it may not run any more

 private:
  void ring();
  std::mutex mutex_;
  net::Loop* loop_ = nullptr;
  DiskQueue* queue_ = nullptr;
  std::atomic<bool> is_rung_{false};  // the loop was told, and has not looked yet
};

}  // namespace claviger::gateway
