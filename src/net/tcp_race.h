// SPDX-License-Identifier: Apache-2.0
#pragma once

// Internal to net: the TCP half of connect().

#include <chrono>
#include <coroutine>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "net/endpoint.h"
#include "net/loop.h"
#include "net/source.h"

namespace claviger::net {

inline constexpr std::chrono::milliseconds kConnectionAttemptDelay{250};  // RFC 8305 section 8

// Connects to whichever of several addresses of one upstream answers first (RFC 8305 section 5): one attempt after the
// other, the next when the last has failed or has had no answer for the delay. The winner's socket is handed out, all
// others are closed.
//
//   TcpRace race(loop, endpoints, deadline);
//   auto won = co_await race.winner();      // Result<TcpRace::Winner>
//   won = co_await race.winner();           // should that one be of no use: the best of the others
//
// Owns: the sockets under way, one for each endpoint at most. Destroying it closes them.
// Threads: its loop's.
class TcpRace {
 public:
  struct Winner {
    std::unique_ptr<Source> source;  // connected; no deadline is set
    Endpoint endpoint;
  };

  TcpRace(Loop& loop, std::vector<Endpoint> endpoints, Monotonic deadline);
  ~TcpRace();
  TcpRace(const TcpRace&) = delete;
  TcpRace& operator=(const TcpRace&) = delete;

  // kUpstreamFailed when all have failed, kUpstreamTimeout at the deadline: with each address and what became of it.
  // kUnavailable when this machine had no socket to give.
  auto winner() noexcept {
    struct Wait {
      bool await_ready() const noexcept { return false; }
      bool await_suspend(std::coroutine_handle<> handle) const { return race.run(handle); }
      Result<Winner> await_resume() const { return race.outcome(); }
      TcpRace& race;
    };
    return Wait{*this};
  }

 private:
  class Attempt;
  struct Failure {
    Endpoint endpoint;
    int reason;  // errno
  };
  bool run(std::coroutine_handle<> handle);
  Result<Winner> outcome();
  void start_next();
  bool start(const Endpoint& endpoint);
  void settled(Attempt& attempt) noexcept;
  void won(Attempt& attempt) noexcept;
  void on_timer();
  void arm();
  void wake_if_over() noexcept;
  bool is_over() const noexcept { return winner_.has_value() || timed_out_ || attempts_.empty(); }
  Error why_not() const;

  Loop& loop_;
  const Monotonic deadline_;
  Timer timer_;  // for the next attempt, or the deadline
  std::deque<Endpoint> untried_;
  std::vector<std::unique_ptr<Attempt>> attempts_;  // under way, oldest first
  std::vector<Failure> failures_;
  std::optional<Error> local_;  // no fault of the upstream's
  std::optional<Winner> winner_;
  bool timed_out_ = false;
  std::coroutine_handle<> handle_;
};

}  // namespace claviger::net
