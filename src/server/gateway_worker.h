// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "audit/log.h"
#include "doors/relay/relay_door.h"
#include "gateway/disk_queue.h"
#include "gateway/worker.h"
#include "server/config.h"
#include "server/connections.h"
#include "server/inner_connections.h"
#include "telemetry/access_log.h"

namespace claviger::server {

// What a worker borrows from the server; all of it outlives the worker.
struct WorkerContext {
  const Config& config;
  const Clock& clock;
  const gateway::Shared& shared;
  vault::ProcessKey& key;
  telemetry::AccessLogWriter& access_log;
  audit::Log* audit_log;  // null: none
  telemetry::Log& log;
  Admission& admission;
  std::function<std::string(const base::IpAddress&)> recorded_address;  // null: as they are
};

// What of the configuration a worker goes by from one reload to the next.
struct WorkerSettings {
  std::shared_ptr<const net::ServerTls> tls;  // null: plain
  http::ServerLimits limits;
  gateway::PoolLimits pools;
  gateway::Settings calls;

  static WorkerSettings of(const Config& config, std::shared_ptr<const net::ServerTls> tls);
};

// One worker: a thread with a loop and everything that calls need, shared with nobody.
//
// Threads: create() on the control thread, before start(); adopt(), use(), drain() and stop() from the
// control thread, carried out on the worker's.
class GatewayWorker {
 public:
  static Result<std::unique_ptr<GatewayWorker>> create(unsigned number, const WorkerContext& context);
  ~GatewayWorker();  // stops and joins

  // Takes over the listening socket.
  Result<void> listen(int listening_fd, std::shared_ptr<const net::ServerTls> tls);
  // Begins to serve, deciding by `world`.
  void start(std::shared_ptr<const gateway::World> world);

  // Decides every request from then on by `world`; `done` runs on the worker once that is so.
  void adopt(std::shared_ptr<const gateway::World> world, std::function<void()> done);
  // For connections and requests from then on; `done` as above.
  void use(WorkerSettings settings, std::function<void()> done);
  // InnerConnections::take(). Threads: any.
  void take(std::shared_ptr<HandedSocket> socket, std::shared_ptr<const gateway::DoorCaller> door);
  // Connections::pause() and resume().
  void pause();
  void resume();
  // `drained` runs on the worker when the last connection is gone.
  void drain(std::function<void()> drained);
  void cancel_all();
  void stop() noexcept;

  const telemetry::WorkerMetrics& metrics() const noexcept { return metrics_; }

 private:
  GatewayWorker(unsigned number, const WorkerContext& context, std::unique_ptr<net::Loop> loop,
                std::unique_ptr<net::Resolver> resolver, vault::Opener opener);
  void keep_house();

  unsigned number_;
  telemetry::WorkerMetrics metrics_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Resolver> resolver_;
  net::BufferPool buffers_;
  telemetry::AccessLog access_log_;
  const std::shared_ptr<gateway::DiskNews> disk_news_ = std::make_shared<gateway::DiskNews>();
  gateway::Worker worker_;
  std::optional<gateway::DiskQueue> disk_queue_;  // in strict mode
  doors::RelayDoor door_;
  Connections connections_;
  InnerConnections inner_connections_;
  net::Timer housekeeping_;
  std::thread thread_;
};

}  // namespace claviger::server
