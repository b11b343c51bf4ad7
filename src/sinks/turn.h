// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <memory>

#include "net/loop.h"

namespace claviger::sinks {

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
