// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <deque>

#include "net/loop.h"

namespace claviger::registry {

// Lets one task through at a time, in the order they came.
//
//   const Turnstile::Pass pass = co_await turnstile.enter();
//
// Threads: one loop's.
class Turnstile {
 public:
  explicit Turnstile(net::Loop& loop) noexcept : loop_(loop) {}

  class [[nodiscard]] Pass {
   public:
    explicit Pass(Turnstile& turnstile) noexcept : turnstile_(&turnstile) {}
    Pass(Pass&& other) noexcept : turnstile_(std::exchange(other.turnstile_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (turnstile_ != nullptr) turnstile_->leave();
    }

   private:
    Turnstile* turnstile_;
  };

  auto enter() noexcept {
    struct Enter {
      bool await_ready() const noexcept {
        if (turnstile.taken_) return false;
        turnstile.taken_ = true;
        return true;
      }
      void await_suspend(std::coroutine_handle<> handle) const { turnstile.waiting_.push_back(handle); }
      Pass await_resume() const noexcept { return Pass(turnstile); }
      Turnstile& turnstile;
    };
    return Enter{*this};
  }

 private:
  void leave() noexcept {
    if (waiting_.empty()) {
      taken_ = false;
      return;
    }
    loop_.resume_soon(waiting_.front());  // stays taken: it is handed over
    waiting_.pop_front();
  }

  net::Loop& loop_;
  std::deque<std::coroutine_handle<>> waiting_;
  bool taken_ = false;
};

}  // namespace claviger::registry
