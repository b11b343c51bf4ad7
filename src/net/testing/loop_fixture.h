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

// A loop that is turned by hand, on the real clock unless another is given.
class LoopFixture {
 public:
  // Waited out by tests that fail alone, on a machine that may be busy.
  static constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(30);

  LoopFixture() : LoopFixture(real_clock()) {}
  explicit LoopFixture(const Clock& clock) : loop_(*Loop::create(clock)) {}
  Loop& loop() noexcept { return *loop_; }
  static const Clock& real_clock() {
    static const SystemClock kClock;
    return kClock;
  }

  // Turns the loop until `done`, for so long of real time at the most. False when that did not do.
  template <class Done>
  bool run_until(Done&& done, std::chrono::milliseconds patience = kPatience) {
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (!done()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
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
