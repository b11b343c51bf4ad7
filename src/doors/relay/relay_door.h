// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gateway/worker.h"
#include "http/serve.h"

namespace claviger::doors {

// The door for unmodified HTTP clients: `/<mount>/<path>` goes to `<base URL>/<path>`.
// Threads: one for each worker, its own.
class RelayDoor final : public http::Handler {
 public:
  explicit RelayDoor(gateway::Worker& worker) noexcept : worker_(worker) {}

  net::Task<void> handle(http::ServerConnection& caller) override;
  net::Task<void> refuse(http::ServerConnection& caller, Error error) override;

 private:
  gateway::Worker& worker_;
};

}  // namespace claviger::doors
