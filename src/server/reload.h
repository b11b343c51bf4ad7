// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/task.h"
#include "net/tls.h"
#include "server/config.h"

namespace claviger::server {

// SIGHUP: the configuration, certificates and resources are read anew, and taken over all together or not at all.
//
// One at a time. What is asked for while one runs comes to one more, however often it is asked: that one reads what was there
// when the last asked.
// Threads: the control thread's.
class Reload {
 public:
  // TLS contexts as read from their files; null: plain, or no such listener.
  struct Certificates {
    std::shared_ptr<const net::ServerTls> gateway, admin;
  };
  struct Outcome {
    std::uint64_t revision = 0;  // of the resources
    std::string changed;  // settings of the configuration, "limits.body, log.level"
  };
  // What there is to do, in this order. Each but the last two may fail, and has changed nothing then.
  struct Steps {
    std::function<Result<Config>()> read_config;
    std::function<Result<Certificates>(const Config&)> read_certificates;
    // Gives their revision, once every worker decides by them.
    std::function<net::Task<Result<std::uint64_t>>()> read_resources;
    // Done when every worker goes by it.
    std::function<net::Task<void>(Config, Certificates)> take_over;
    std::function<void(const Result<Outcome>&)> report;
  };
  // `running`: the configuration that is in force, which take_over replaces. It outlives this, as does all that the steps need.
  Reload(const Config& running, Steps steps) : running_(running), steps_(std::move(steps)) {}

  void ask();
  // From now on asking is in vain. One that runs goes on.
  void stop() noexcept { stopped_ = true; }

 private:
  net::Task<void> run();
  net::Task<Result<Outcome>> once();

  const Config& running_;
  Steps steps_;
  bool asked_ = false;
  bool runs_ = false;
  bool stopped_ = false;
};

}  // namespace claviger::server
