// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "base/file.h"
#include "base/result.h"
#include "net/loop.h"

namespace claviger::server {

// SIGTERM, SIGINT and SIGHUP as events of the loop: nothing runs in a handler.
//
// Owns: the signalfd(2). Threads: the control thread's.
class Signals final : public net::EventHandler {
 public:
  // Blocks the signals in this thread and in those that it starts from then on, so that all of them are left to the
  // loop: before any is started.
  static Result<std::unique_ptr<Signals>> block(net::Loop& control);
  ~Signals() override;

  // From now on: `reload` at SIGHUP, `shut_down` at the others. What came since block() is not lost.
  Result<void> watch(std::function<void()> reload, std::function<void()> shut_down);

 private:
  Signals(net::Loop& control, base::Descriptor signals) noexcept;
  void on_events(net::Events events) noexcept override;

  net::Loop& control_;
  base::Descriptor signals_;
  std::function<void()> reload_, shut_down_;
};

}  // namespace claviger::server
