// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "gateway/call.h"
#include "gateway/interruption.h"
#include "gateway/world.h"
#include "http/server_connection.h"
#include "net/deadline_wheel.h"
#include "net/loop.h"

namespace claviger::gateway {

class ActiveCalls;

// A call in flight, from where its upstream connection is asked for to the last byte of the answer: what has to be
// found, and ended, when that which let it through is taken back, or when it has taken too long.
//
// Cost: a few stores. Threads: its worker's.
class ActiveCall final : private net::Deadline {
 public:
  // Requires: all three outlive it; `call` went through the pipeline.
  ActiveCall(ActiveCalls& calls, Call& call, http::ServerConnection& caller) noexcept;
  ~ActiveCall() override { unlink(); }
  ActiveCall(const ActiveCall&) = delete;
  ActiveCall& operator=(const ActiveCall&) = delete;

  // Through which it is ended; whatever it waits for has to be known here.
  Interruption& interruption() noexcept { return interruption_; }

  // From then on it is out of time: it is interrupted, and has_run_out() is true.
  void end_at(net::Loop& loop, Monotonic time) noexcept { loop.deadlines().set(*this, time); }
  bool has_run_out() const noexcept { return has_run_out_; }

 private:
  friend class ActiveCalls;
  ActiveCall() noexcept = default;  // the anchor of a list
  void link_before(ActiveCall& next) noexcept;
  void unlink() noexcept;
  void end() noexcept;
  void on_deadline() noexcept override;

  ActiveCall* previous_ = this;
  ActiveCall* next_ = this;
  Call* call_ = nullptr;
  http::ServerConnection* caller_ = nullptr;
  WallTime expires_ = WallTime::max();  // of its key, certificate or grant, whichever is first
  Interruption interruption_;
  bool has_run_out_ = false;
  std::uint64_t judged_ = 0;  // in which round of judging its certificate was looked at
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
  // addresses, whose certificate is another's or good no more, whose principal was disabled, to which no grant gives this
  // request, whose upstream is not where it was, or whose credential was revoked or deleted.
  void recheck(const World& world, WallTime now) noexcept;
  // Ends those whose key, certificate or grant has run out since. Costs a comparison while none has.
  void end_expired(const World& world, WallTime now) noexcept;
  // Ends all, since the gateway does: they are cut, and recorded as such.
  void end_all() noexcept;
  // After a reload: the certificates of all calls that are in flight now are to be judged anew.
  void begin_judging() noexcept { ++round_; }
  // Of some calls, so that others need not wait: which certificates are good by `tls`; ends those that would not get through
  // any more, as recheck() does. Whether there are more.
  bool judge_some(const net::ServerTls& tls, const World& world, WallTime now) noexcept;
  // How many calls `principal` has under way to the upstream of that UpstreamRuntime::pool_key; counted up to `most`.
  // Cost: a look at each call.
  std::size_t count(std::string_view principal, std::string_view pool_key, std::size_t most) const noexcept;

 private:
  friend class ActiveCall;
  template <class Concerns>
  void recheck_those(const World& world, WallTime now, Concerns concerns) noexcept;
  template <class End>
  static void end_those(ActiveCall& ending, End end) noexcept;

  ActiveCall anchor_;
  WallTime earliest_ = WallTime::max();  // no expires_ is before it
  std::uint64_t round_ = 0;  // of judging; those that were not judged in it come first
};

}  // namespace claviger::gateway
