// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <coroutine>

#include "net/loop.h"

namespace claviger::net {

// Waits: `co_await Pause(loop, time)`. A deadline may be up to 50 ms late. The task may be destroyed meanwhile.
class [[nodiscard]] Pause final : public Deadline {
 public:
  Pause(Loop& loop, std::chrono::milliseconds time) noexcept : loop_(loop), time_(time) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    loop_.deadlines().set(*this, loop_.now() + time_);
  }
  void await_resume() const noexcept {}

 private:
  void on_deadline() noexcept override { handle_.resume(); }

  Loop& loop_;
  const std::chrono::milliseconds time_;
  std::coroutine_handle<> handle_;
};

}  // namespace claviger::net
