// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include "base/clock.h"
#include "net/loop.h"
#include "telemetry/log.h"

namespace claviger::server {

// SIGTERM: first the gateway says that it is not ready, and after drain_delay, in which whoever balances load has had time to
// notice, it takes no more connections. Calls under way are finished within drain_timeout. A second signal ends all at once.
//
// Threads: the control thread's.
class Shutdown {
 public:
  struct Times {
    std::chrono::milliseconds delay;
    std::chrono::milliseconds timeout;  // from the end of the delay
  };
  // What there is to do; all of it outlives this.
  struct Parts {
    net::Loop& control;
    telemetry::Log& log;
    std::function<std::size_t()> connections;  // of callers, open
    // No new connections, and none that is idle; `drained` runs on the control thread when the last is gone.
    std::function<void(std::function<void()> drained)> drain;
    std::function<void()> end_calls;  // cuts what is under way
    std::function<bool()> is_recorded;  // nothing waits to be written down any more
  };
  explicit Shutdown(Parts parts);

  // A signal. Stops the control loop in the end.
  void ask(const Times& times);
  bool has_begun() const noexcept { return begun_; }

 private:
  void drain(std::chrono::milliseconds timeout);
  void end();
  void stop_once_recorded(Monotonic latest);

  Parts parts_;
  net::Timer timer_;
  bool begun_ = false;
  bool ending_ = false;
};

}  // namespace claviger::server
