// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <coroutine>
#include <memory>

#include "net/loop.h"

namespace claviger::sinks {

// Waits: `co_await Pause(loop, time)`. A deadline may be up to 50 ms late. The task may be destroyed meanwhile.
class [[nodiscard]] Pause final : public net::Deadline {
 public:
  Pause(net::Loop& loop, std::chrono::milliseconds time) noexcept : loop_(loop), time_(time) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    loop_.deadlines().set(*this, loop_.now() + time_);
  }
  void await_resume() const noexcept {}

 private:
  void on_deadline() noexcept override { handle_.resume(); }

  net::Loop& loop_;
  const std::chrono::milliseconds time_;
  std::coroutine_handle<> handle_;
};

// Lets others have their turn: `co_await Turn(loop)`. The task may be destroyed meanwhile.
class [[nodiscard]] Turn {
 public:
  explicit Turn(net::Loop& loop) : loop_(loop) {}
  ~Turn() { *waits_ = false; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    loop_.post([handle, waits = waits_] {
      if (*waits) handle.resume();
    });
  }
  void await_resume() const noexcept {}

 private:
  net::Loop& loop_;
  const std::shared_ptr<bool> waits_ = std::make_shared<bool>(true);
};

}  // namespace claviger::sinks
