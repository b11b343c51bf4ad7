// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <coroutine>

#include "net/loop.h"

namespace claviger::registry {

// co_await Sleep{net::Timer(loop), time}: goes on so much later. Threads: the loop's.
struct Sleep {
  net::Timer timer;
  std::chrono::milliseconds time;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    timer.start(time, [handle] { handle.resume(); });
  }
  void await_resume() const noexcept {}
};

}  // namespace claviger::registry
