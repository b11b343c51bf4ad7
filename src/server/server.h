// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "doors/probes/probes_door.h"
#include "gateway/world.h"
#include "server/config.h"
#include "server/gateway_worker.h"
#include "server/process.h"
#include "telemetry/log.h"

namespace claviger::server {

struct ServerOptions {
  Config config;
  std::string resources_dir;
};

// The running gateway: workers, the admin listener, reload and shutdown.
//
// Threads: the one that runs it is the control thread. Owns: everything but the process's secret memory.
class Server {
 public:
  // Binds, reads resources, opens secrets; serves nobody yet. Fails with what is wrong and where.
  static Result<std::unique_ptr<Server>> create(net::Loop& control, ServerOptions options,
                                                SecretMemory& memory, const Clock& clock,
                                                telemetry::Log& log);
  ~Server();

  // Starts the workers and serves until SIGTERM or SIGINT, then drains. SIGHUP reads resources and certificates anew.
  Result<void> run();

  const net::Endpoint& gateway_endpoint() const noexcept { return gateway_endpoint_; }
  // The CA that callers need when the certificate is the generated one; empty otherwise.
  const std::string& ca_file() const noexcept { return ca_file_; }

 private:
  class Signals;
  Server(net::Loop& control, ServerOptions options, SecretMemory& memory, const Clock& clock,
         telemetry::Log& log, std::unique_ptr<telemetry::AccessLogWriter> access_log);

  Result<void> bind_gateway();
  Result<void> bind_admin();
  Result<std::shared_ptr<const net::ServerTls>> make_tls(const ListenerConfig& listener);
  Result<std::shared_ptr<const gateway::World>> read_world();
  struct Fresh {
    std::shared_ptr<const net::ServerTls> gateway_tls, admin_tls;
    std::shared_ptr<const gateway::World> world;
  };
  Result<Fresh> read_fresh();
  void publish(std::shared_ptr<const gateway::World> world, std::function<void()> everywhere);
  void reload();
  void shut_down();
  void stop_all();
  std::string metrics() const;

  net::Loop& control_;
  ServerOptions options_;
  SecretMemory& memory_;
  const Clock& clock_;
  telemetry::Log& log_;
  std::unique_ptr<telemetry::AccessLogWriter> access_log_;
  vault::SecretSources sources_;
  policy::LimitCells cells_;
  policy::LimitCells address_cells_;
  policy::LimitKeys limit_keys_;
  gateway::Shared shared_;
  std::atomic<std::size_t> open_connections_{0};
  std::atomic<std::size_t> admin_connections_{0};
  std::uint64_t revision_ = 0;
  std::shared_ptr<const gateway::World> first_world_;  // until the workers have it
  net::Endpoint gateway_endpoint_;
  std::vector<net::Endpoint> own_listeners_;
  std::string ca_file_;
  bool ready_ = false;
  bool stopping_ = false;

  telemetry::WorkerMetrics control_metrics_;
  net::BufferPool control_buffers_;
  doors::ProbesDoor probes_;
  std::unique_ptr<Connections> admin_;
  std::unique_ptr<Signals> signals_;
  net::Timer drain_timer_;
  std::vector<std::unique_ptr<GatewayWorker>> workers_;
};

}  // namespace claviger::server
