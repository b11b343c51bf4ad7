// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/event.h"
#include "audit/log.h"
#include "audit/pseudonym.h"
#include "doors/admin/admin_door.h"
#include "gateway/world.h"
#include "net/answer_wait.h"
#include "net/ticket_keys.h"
#include "server/audit_watch.h"
#include "server/clock_watch.h"
#include "server/config.h"
#include "server/custody.h"
#include "server/door_check.h"
#include "server/door_thread.h"
#include "server/endpoint_watch.h"
#include "server/gateway_worker.h"
#include "server/managed.h"
#include "server/overload_watch.h"
#include "server/process.h"
#include "server/process_usage.h"
#include "server/publications.h"
#include "server/quotas.h"
#include "server/reload.h"
#include "server/shutdown.h"
#include "server/side_car_keys.h"
#include "server/signals.h"
#include "sinks/sinks.h"
#include "telemetry/log.h"
#include "vault/source.h"

namespace claviger::server {

struct ServerOptions {
  Config config;
  std::string resources_dir;  // side-car mode: resources from YAML; empty: from the store in config.data_dir
  std::function<void()> on_ready;  // on the control thread, once workers serve; may be null
  std::function<Result<Config>()> read_config;  // anew, at SIGHUP; null: `config` stays as it is
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

  // Starts the workers and serves until SIGTERM or SIGINT, then drains. SIGHUP reads configuration, certificates and resources anew.
  Result<void> run();

  const net::Endpoint& gateway_endpoint() const noexcept { return gateway_endpoint_; }
  // Requires: there is an admin listener.
  const net::Endpoint& admin_endpoint() const noexcept { return admin_endpoint_; }
  const std::vector<std::unique_ptr<DoorThread>>& doors() const noexcept { return doors_; }
  // The CA that callers need where the certificate is the generated one; empty where it never was.
  const std::string& ca_file() const noexcept { return ca_file_; }
  const Config& config() const noexcept { return options_.config; }
  registry::Registry* registry() noexcept { return managed_ ? &managed_->registry() : nullptr; }

 private:
  // Gives one worker something, which says when it goes by it (on its own thread).
  using Give = std::function<void(GatewayWorker&, std::function<void()> done)>;
  struct Everywhere;
  Server(net::Loop& control, ServerOptions options, SecretMemory& memory, const Clock& clock,
         telemetry::Log& log, std::unique_ptr<telemetry::AccessLogWriter> access_log);

  static unsigned worker_count(const Config& config);
  static Admission::Most most_callers(const Config& config);
  static void fill_in(Config& config, const std::string& resources_dir);
  Result<void> open_sources();
  Result<void> open_tokens();
  net::Task<Result<void>> keep_replaced(gateway::ReplacedSecret secret);
  net::Task<void> change_secret(std::shared_ptr<gateway::ReplacedSecret> secret, net::Answer<void> done);
  void hand_out_world(const std::shared_ptr<const gateway::World>& world, std::function<void()> everywhere);
  Result<void> open_audit();
  Result<void> open_sinks();
  Result<void> bind_gateway();
  Result<void> bind_admin();
  Result<void> bind_doors();
  std::string metrics_page();
  void tell_doors(const gateway::World& world);
  void check_doors();
  Result<std::shared_ptr<const net::ServerTls>> make_tls(const ListenerConfig& listener);
  Result<std::shared_ptr<const gateway::World>> first_world();
  Result<std::shared_ptr<const gateway::World>> read_side_car_world();
  Result<std::shared_ptr<const gateway::World>> build_side_car_world(policy::Resources resources);
  gateway::WorldSettings world_settings();
  void renew_secret(const std::string& from);
  doors::AdminServices admin_services();
  std::shared_ptr<const gateway::World> world() const;

  void hand_out(const Give& give, std::function<void()> everywhere);
  Reload::Steps reload_steps();
  Result<Config> read_config() const;
  Result<Reload::Certificates> read_certificates(const Config& config);
  net::Task<Result<std::uint64_t>> read_resources_anew();
  net::Task<void> take_over(Config config, Reload::Certificates certificates);
  void report(const Result<Reload::Outcome>& outcome);
  void keep_house();
  void watch_adoption();
  void watch_for_the_log();
  void record_shedding();
  std::function<std::string(const base::IpAddress&)> recorded_address() const;
  void record(audit::Event event);
  void announce();
  void warn_of_file_limit();
  Shutdown::Parts shutdown_parts();
  void shut_down();
  void drain(std::function<void()> drained);
  std::string why_not_ready() const;

  net::Loop& control_;
  ServerOptions options_;
  SecretMemory& memory_;
  const Clock& clock_;
  telemetry::Log& log_;
  std::unique_ptr<telemetry::AccessLogWriter> access_log_;
  vault::SecretSources sources_;
  policy::LimitCells cells_;
  policy::LimitCells address_cells_;
  policy::LimitCells refusal_cells_{std::size_t{1} << 14};  // of principals
  policy::LimitKeys limit_keys_;
  Quotas quotas_;
  ProcessUsage usage_;
  Overload overload_;
  gateway::UpstreamBook upstream_book_;
  gateway::Shared shared_;
  Admission admission_;
  Admission admin_admission_;
  std::uint64_t revision_ = 0;
  std::shared_ptr<const gateway::World> first_world_;  // until the workers have it
  std::shared_ptr<const gateway::World> side_car_world_;  // side-car mode: the newest
  net::Endpoint gateway_endpoint_;
  net::Endpoint admin_endpoint_;
  std::vector<net::Endpoint> own_listeners_;
  std::string ca_file_;
  std::unique_ptr<net::TicketKeys> ticket_keys_;
  bool ready_ = false;

  telemetry::WorkerMetrics control_metrics_;
  net::BufferPool control_buffers_;
  std::unique_ptr<Custody> custody_;
  std::optional<DataDirLock> lock_;  // side-car mode; the store takes it otherwise
  std::unique_ptr<Managed> managed_;
  std::unique_ptr<SideCarKeys> side_car_keys_;  // side-car mode
  std::unique_ptr<sinks::Sinks> sinks_;  // none: no sinks. Goes after the log, whose end it sends
  std::unique_ptr<audit::Log> audit_log_;  // none: `audit: off`
  audit::Lane* lane_ = nullptr;  // the control thread's
  std::optional<audit::Pseudonyms> pseudonyms_;  // of a side-car only where they are asked for
  std::unique_ptr<net::BackgroundThread>
      reading_thread_;  // reads the log for management; side-car mode: none
  std::unique_ptr<doors::AdminDoor> admin_door_;
  std::unique_ptr<Connections> admin_;
  std::unique_ptr<Signals> signals_;
  ClockWatch clock_watch_;
  OverloadWatch overload_watch_;
  AuditWatch audit_watch_;
  EndpointWatch endpoint_watch_;
  DoorCheck door_check_;
  net::Timer housekeeping_;
  Monotonic swept_{};  // quotas
  Publications publications_;
  Reload reload_;
  Shutdown shutdown_;
  std::vector<std::unique_ptr<GatewayWorker>> workers_;
  std::vector<std::unique_ptr<DoorThread>> doors_;  // call by way of the workers
};

}  // namespace claviger::server
