// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "gateway/call.h"
#include "gateway/interruption.h"
#include "gateway/world.h"
#include "http/server_connection.h"

namespace claviger::gateway {

class ActiveCalls;

// A call in flight, from where its upstream connection is asked for to the last byte of the answer: what has to be
// found, and ended, when that which let it through is taken back.
//
// Cost: a few stores. Threads: its worker's.
class ActiveCall {
 public:
  // Requires: all three outlive it; `call` went through the pipeline.
  ActiveCall(ActiveCalls& calls, Call& call, http::ServerConnection& caller) noexcept;
  ~ActiveCall() { unlink(); }
  ActiveCall(const ActiveCall&) = delete;
  ActiveCall& operator=(const ActiveCall&) = delete;

  // Through which it is ended; whatever it waits for has to be known here.
  Interruption& interruption() noexcept { return interruption_; }

 private:
  friend class ActiveCalls;
  ActiveCall() noexcept = default;  // the anchor of a list
  void link_before(ActiveCall& next) noexcept;
  void unlink() noexcept;
  void end() noexcept;

  ActiveCall* previous_ = this;
  ActiveCall* next_ = this;
  Call* call_ = nullptr;
  http::ServerConnection* caller_ = nullptr;
  WallTime expires_ = WallTime::max();  // of its key or its grant, whichever is first
  Interruption interruption_;
};

// All of a worker. A call that is ended breaks off at once: a reset to the caller, so that what was cut cannot look
// whole, and a close to the upstream; `revoked` in the records (Call::revoked).
//
// Threads: its worker's; within a turn of the loop.
class ActiveCalls {
 public:
  ActiveCalls() noexcept = default;
  ActiveCalls(const ActiveCalls&) = delete;
  ActiveCalls& operator=(const ActiveCalls&) = delete;

  // Ends those that would not get through under `world`: whose key was revoked, has another hash, another owner or other
  // addresses, whose principal was disabled, to which no grant gives this request, or whose upstream is not where it was.
  void recheck(const World& world, WallTime now) noexcept;
  // Ends those whose key or grant has run out since. Costs a comparison while none has.
  void end_expired(const World& world, WallTime now) noexcept;

 private:
  friend class ActiveCall;
  template <class Concerns>
  void recheck_those(const World& world, WallTime now, Concerns concerns) noexcept;

  ActiveCall anchor_;
  WallTime earliest_ = WallTime::max();  // no expires_ is before it
};

}  // namespace claviger::gateway
