// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "gateway/serve_call.h"
#include "gateway/worker.h"
#include "http/serve.h"

namespace claviger::doors {

// The relay door's other side, for doors of the gateway's own: what comes over the connection are calls of that door's principal, and
// otherwise calls as any.
//
// Threads: its worker's. One for each connection.
class InnerDoor final : public http::Handler {
 public:
  // Requires: the worker outlives it.
  InnerDoor(gateway::Worker& worker, std::shared_ptr<const gateway::DoorCaller> door) noexcept
      : worker_(worker), door_(std::move(door)) {}

  net::Task<void> handle(http::ServerConnection& caller) override {
    return gateway::serve_call(worker_, caller, door_.get());
  }
  net::Task<void> refuse(http::ServerConnection& caller, Error error) override {
    return gateway::refuse_call(worker_, caller, std::move(error), door_.get());
  }

 private:
  gateway::Worker& worker_;
  std::shared_ptr<const gateway::DoorCaller> door_;
};

}  // namespace claviger::doors
