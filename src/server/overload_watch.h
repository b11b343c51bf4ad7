// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

#include "net/loop.h"
#include "server/overload.h"
#include "telemetry/log.h"

namespace claviger::server {

// Has the overload look, ten times a second; has connections wait from when it is tight until there is enough again, and says so
// when shedding begins or ends.
//
// Threads: the control thread's.
class OverloadWatch {
 public:
  static constexpr std::chrono::milliseconds kEvery{100};

  // `overload` and what the functions refer to outlive it. `changed`: from now on connections are to wait (true) or not. `shed`:
  // shedding began, or ended.
  OverloadWatch(net::Loop& control, telemetry::Log& log, Overload& overload,
                std::function<void(bool waits)> changed, std::function<void()> shed);

  // Looks, and goes on doing so.
  void look();

 private:
  void say() noexcept;

  telemetry::Log& log_;
  Overload& overload_;
  std::function<void(bool)> changed_;
  std::function<void()> shed_;
  net::Timer timer_;
};

}  // namespace claviger::server
