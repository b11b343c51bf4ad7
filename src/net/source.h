// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "net/loop.h"

namespace claviger::net {

// Why somebody who waited for a socket is woken.
enum class Wakeup : std::uint8_t { kReady, kTimeout, kCancelled };

class Waiter {
 public:
  virtual void on_wakeup(Wakeup why) noexcept = 0;

 protected:
  ~Waiter() = default;
};

// Told when a peer is gone in both directions while nobody may be reading from it.
class HangupWatcher {
 public:
  virtual void on_hangup() noexcept = 0;

 protected:
  ~HangupWatcher() = default;
};

// One non-blocking socket in a loop: what it is ready for, who waits for it, until when.
//
// Edge-triggered: readiness is remembered until an operation finds the socket drained, so that a request
// costs one recv and one send and no epoll_ctl.
//
// Owns: the descriptor.
// Threads: its loop's.
class Source final : public EventHandler, public Deadline {
 public:
  // Takes over `fd`, whatever comes of it.
  static Result<std::unique_ptr<Source>> create(Loop& loop, int fd);
  ~Source() override;

  int fd() const noexcept { return fd_; }
  Loop& loop() const noexcept { return loop_; }

  bool is_readable() const noexcept { return readable_; }
  bool is_writable() const noexcept { return writable_; }
  bool is_half_closed() const noexcept { return half_closed_; }
  bool is_broken() const noexcept { return broken_; }
  // Whether the kernel holds bytes that nobody has read yet. A system call.
  bool has_unread() const noexcept;
  // A read got less than it asked for. Once the peer has half-closed there may be no further edge.
  void drained() noexcept { readable_ = half_closed_ || broken_; }
  void would_block_reading() noexcept { readable_ = false; }
  void would_block_writing() noexcept { writable_ = false; }

  // Wakes `waiter` once, at the next edge in `direction`, the deadline or cancel(). There is room for one reader
  // and one writer; over TLS a reader may have to wait until it can write, and the other way round.
  enum class Direction : std::uint8_t { kRead, kWrite };
  void wait_as_reader(Waiter& waiter, Direction direction) noexcept;
  void wait_as_writer(Waiter& waiter, Direction direction) noexcept;
  void forget(Waiter& waiter) noexcept;
  void watch_hangup(HangupWatcher* watcher) noexcept { watcher_ = watcher; }

  // For all waiting from now on: of whoever waits as reader, as writer, or both. Deadline::kNever for none. Each has one of its own,
  // so that a peer that goes on sending cannot put off the end of its not reading, nor the other way round.
  void set_read_deadline(Monotonic at) noexcept { set_deadline(read_deadline_, at); }
  void set_write_deadline(Monotonic at) noexcept { set_deadline(write_deadline_, at); }
  void set_deadline(Monotonic at) noexcept {
    write_deadline_ = at;
    set_deadline(read_deadline_, at);
  }
  // Whoever waits, or comes to wait, is woken with kCancelled.
  void cancel() noexcept;
  // Whoever waits as reader now is woken with kCancelled; later reads are not concerned.
  void interrupt_reader() noexcept { wake(reader_, Wakeup::kCancelled); }
  bool is_cancelled() const noexcept { return cancelled_; }

  // Takes the descriptor out of the loop and closes it; the object is destroyed after the batch.
  static void retire(std::unique_ptr<Source> source) noexcept;

 private:
  Source(Loop& loop, int fd) noexcept : loop_(loop), fd_(fd) {}
  void on_events(Events events) noexcept override;
  void on_deadline() noexcept override;
  void set_deadline(Monotonic& which, Monotonic at) noexcept {
    which = at;
    rearm();
  }
  void rearm() noexcept;

  Loop& loop_;
  int fd_;
  bool readable_ = true;  // until the kernel says otherwise
  bool writable_ = true;
  bool half_closed_ = false;
  bool broken_ = false;
  bool cancelled_ = false;
  Monotonic read_deadline_ = Deadline::kNever;
  Monotonic write_deadline_ = Deadline::kNever;
  struct Waiting {
    Waiter* waiter = nullptr;
    Direction direction = Direction::kRead;
    bool wants(Events events) const noexcept {
      return direction == Direction::kRead ? events.readable : events.writable;
    }
  };
  static void wake(Waiting& waiting, Wakeup why) noexcept;

  Waiting reader_, writer_;
  HangupWatcher* watcher_ = nullptr;
};

}  // namespace claviger::net
