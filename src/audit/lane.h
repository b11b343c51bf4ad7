// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "base/clock.h"

namespace claviger::audit {

// What an event says of a call, so that the writer knows which calls are open: those with a "call.started" and no
// "call.finished" yet. Set in strict mode only.
struct CallMark {
  enum class Kind : std::uint8_t { kNone, kStarted, kFinished };
  std::uint64_t id = 0;  // of the call, among those that are open on the same lane
  Kind kind = Kind::kNone;
};

struct LaneOptions {
  // Called on the writer's thread when synced() moved or is_failing() changed after a hurry(): once for however many calls. It
  // must not wait for anything. Empty: nobody is told.
  std::function<void()> on_progress;
  bool for_calls = false;  // has no room while the disk's reserve is touched
};

// The way of one thread's events to the writer: a queue in memory that neither side waits for.
//
// Whoever appends only formats: leaves and tree nodes are the writer's, which hashes many at a time.
// append() never fails: whoever wants to do something that will have to be recorded asks has_room() before, and waits
// or refuses when there is none. What is under way then may still append, so a lane exceeds its limit by as much as
// the calls in flight need.
//
// Threads: append(), hurry() and has_room() on its owner's; the writer takes from the other end. No lock, and no system call or
// allocation in append() but when the lane grows (and it keeps what it grew to).
class Lane {
 public:
  static constexpr std::size_t kMaxEvent = 8192;  // bytes of a line, without its line end

  virtual ~Lane() = default;

  // False when the lane is full, or what lies in it could not be made durable for longer than the group window allows.
  // `now`: of the caller's loop, say; it need not be exact, and is asked for with every call.
  virtual bool has_room(Monotonic now) const noexcept = 0;

  // Room for one event, formatted in place: exactly kMaxEvent bytes. Valid until added().
  virtual std::span<char> room() noexcept = 0;
  // `size` bytes of room() are one JSON object, without line end. `outbox`: the entry of the store's outbox that it is, 0 for none.
  virtual void added(std::size_t size, std::uint64_t outbox = 0, CallMark mark = {}) noexcept = 0;
  // The same for text that is there already. Requires: event.size() <= kMaxEvent.
  void append(std::string_view event, std::uint64_t outbox = 0, CallMark mark = {}) noexcept;

  // What was appended so far is wanted on disk at once: wakes the writer, without a system call where it is awake. Whoever waits
  // then looks at synced() and is_failing() first: what changed before this call is not told.
  virtual void hurry() noexcept = 0;

  // Events appended so far, and how many of them are on disk, synced. Threads: any.
  virtual std::uint64_t appended() const noexcept = 0;
  virtual std::uint64_t synced() const noexcept = 0;
  // The last write or sync did not succeed, and none has since; or, on a lane for calls, the disk's reserve is touched: there is
  // no sense in waiting. Threads: any.
  virtual bool is_failing() const noexcept = 0;
};

}  // namespace claviger::audit
