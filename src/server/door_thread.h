// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "audit/log.h"
#include "doors/externaldns/door_stats.h"
#include "doors/externaldns/externaldns_door.h"
#include "doors/externaldns/health_door.h"
#include "doors/externaldns/inner_caller.h"
#include "gateway/call.h"
#include "gateway/world.h"
#include "net/buffer.h"
#include "net/loop.h"
#include "server/connections.h"
#include "server/door_config.h"
#include "server/inner_connections.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace claviger::server {

// What a door borrows from the server; all of it outlives the door.
struct DoorContext {
  const Clock& clock;
  telemetry::Log& log;
  audit::Log* audit_log;  // null: none
  // The control thread's, which serves the probes: they are answered whatever the door is busy with.
  net::Loop& control;
  net::BufferPool& buffers;
  telemetry::WorkerMetrics& metrics;
  // Hands a connection to a worker. Threads: any.
  std::function<void(std::shared_ptr<HandedSocket>, std::shared_ptr<const gateway::DoorCaller>)> connect;
  const std::atomic<bool>& sheds;  // Overload::flag()
  std::function<std::string()> why_not_ready;  // the gateway as a whole; empty: it is
  std::function<std::string()> metrics_page;
};

// One door with listeners of its own, and the thread that it works on: tens of thousands of records are put together there, while
// workers and management go on.
//
// Threads: all but what says otherwise on the control thread; carried out on the door's.
class DoorThread {
 public:
  // Binds; serves nobody yet.
  static Result<std::unique_ptr<DoorThread>> create(const DoorConfig& config, const DoorContext& context);
  ~DoorThread();  // stops and joins

  void start();
  // Where its upstreams are from now on.
  void adopt(const gateway::World& world);
  // For requests from now on.
  void use(const doors::externaldns::ProviderOptions& options);
  // No new requests; those under way are finished. `drained` runs on the control thread. The probes are answered still.
  void drain(std::function<void()> drained);
  // Ends what is left, at once.
  void cancel_all();

  // The addresses that it listens on.
  const std::vector<net::Endpoint>& listeners() const noexcept { return listeners_; }
  const std::string& name() const noexcept { return caller_->door; }
  const net::Endpoint& endpoint() const noexcept { return listeners_.front(); }
  std::optional<net::Endpoint> health_endpoint() const {
    return health_ ? std::optional(listeners_.back()) : std::nullopt;
  }
  // Connections of ExternalDNS's. Threads: any.
  std::size_t open() const noexcept { return admission_.open(); }
  const telemetry::WorkerMetrics& metrics() const noexcept { return metrics_; }
  doors::externaldns::NamedDoor stats() const noexcept { return {caller_->door, &stats_}; }

 private:
  DoorThread(const DoorConfig& config, const DoorContext& context, std::unique_ptr<net::Loop> loop);
  Result<void> listen(const DoorConfig& config, const DoorContext& context);
  Result<int> connect() const;
  std::string why_not_ready() const;
  void keep_house();
  void end_calls() noexcept;
  void tell_once_idle(std::function<void()> drained);
  bool is_idle() const noexcept { return door_.is_idle() && connections_.size() == 0; }

  const std::shared_ptr<const gateway::DoorCaller> caller_;
  const DoorContext context_;
  std::vector<std::string> upstreams_;  // whose mounts it wants to know
  std::vector<net::Endpoint> listeners_;
  telemetry::WorkerMetrics metrics_;
  doors::externaldns::DoorStats stats_;
  std::unique_ptr<net::Loop> loop_;
  net::BufferPool buffers_;
  audit::Lane* lane_;  // null: none
  doors::externaldns::InnerCaller calls_;
  doors::externaldns::ExternalDnsDoor door_;
  Admission admission_, health_admission_;
  Connections connections_;
  std::optional<doors::externaldns::HealthDoor> health_door_;
  std::optional<Connections> health_;
  net::Timer housekeeping_, draining_;
  std::thread thread_;
};

}  // namespace claviger::server
