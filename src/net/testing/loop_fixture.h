// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <array>
#include <memory>
#include <optional>

#include "base/check.h"
#include "base/clock.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/task.h"

namespace claviger::net::testing {

// A loop that is turned by hand, on the real clock.
class LoopFixture {
 public:
  LoopFixture() : loop_(*Loop::create(clock_)) {}
  Loop& loop() noexcept { return *loop_; }

  // Turns the loop until `done`, for two seconds at the most. False when that did not do.
  template <class Done>
  bool run_until(Done&& done) {
    const Monotonic give_up = clock_.monotonic() + std::chrono::seconds(2);
    while (!done()) {
      if (clock_.monotonic() > give_up) return false;
      loop_->turn(std::chrono::milliseconds(20));
    }
    return true;
  }

  // Runs a task to its end and returns what it gave.
  template <class T>
  T finish(Task<T> task) {
    std::optional<T> result;
    spawn(keep(std::move(task), result));
    CLV_CHECK(run_until([&] { return result.has_value(); }));
    return *std::move(result);
  }

 private:
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& into) {
    into.emplace(co_await std::move(task));
  }

  SystemClock clock_;
  std::unique_ptr<Loop> loop_;
};

// Two connected streams in one loop.
struct StreamPair {
  explicit StreamPair(Loop& loop) {
    std::array<int, 2> fds{};
    CLV_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    near = *make_tcp_stream(loop, fds[0]);
    far = *make_tcp_stream(loop, fds[1]);
  }
  std::unique_ptr<Stream> near, far;
};

}  // namespace claviger::net::testing
