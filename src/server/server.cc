// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "crypto/openssl_memory.h"
#include "gateway/destination.h"
#include "gateway/source_secrets.h"
#include "server/admin_wiring.h"
#include "server/data_dir.h"
#include "server/resource_files.h"
#include "server/version.h"

namespace claviger::server {
namespace {

constexpr auto kHousekeeping = std::chrono::seconds(1);
constexpr auto kMostRecording = std::chrono::seconds(2);
constexpr auto kSweep = std::chrono::hours(1);  // of quotas' windows that are over

unsigned worker_count(const Config& config) {
  return config.workers != 0 ? config.workers : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

// --- Start ---------------------------------------------------------------------------------------

Server::Server(net::Loop& control, ServerOptions options, SecretMemory& memory, const Clock& clock,
               telemetry::Log& log, std::unique_ptr<telemetry::AccessLogWriter> access_log)
    : control_(control),
      options_(std::move(options)),
      memory_(memory),
      clock_(clock),
      log_(log),
      access_log_(std::move(access_log)),
      sources_(*memory.key),
      quotas_(control),
      shared_{cells_,
              address_cells_,
              limit_keys_,
              options_.config.unauthenticated,
              {net::kBufferSize, http::kMaxFields, net::kBufferSize},
              options_.config.audit.lane_timeout,
              &quotas_.cells(),
              &quotas_.leases()},
      clock_watch_(clock,
                   [this](std::chrono::milliseconds step) {
                     log_.warning("clock_stepped", {{"step_ms", step.count()}});
                     record(audit::Event(clock_.wall(), "clock.stepped")
                                .add("step", std::to_string(step.count()) + "ms"));
                   }),
      drain_timer_(control),
      housekeeping_(control),
      publications_(clock) {}

Server::~Server() {
  workers_.clear();
  if (admin_) admin_->cancel_all();
}

Result<std::unique_ptr<Server>> Server::create(net::Loop& control, ServerOptions options,
                                               SecretMemory& memory, const Clock& clock,
                                               telemetry::Log& log) {
  // Before any thread is started, so that all of them leave these signals to the control thread.
  auto signals = CLV_TRY(Signals::block(control));
  if (options.config.access_log.empty())
    options.config.access_log = options.resources_dir.empty() ? "off" : "stdout";
  auto access_log = CLV_TRY(telemetry::AccessLogWriter::open(options.config.access_log));
  std::unique_ptr<Server> server(
      new Server(control, std::move(options), memory, clock, log, std::move(access_log)));
  server->signals_ = std::move(signals);
  CLV_TRY_VOID(server->signals_->watch([gateway = server.get()] { gateway->reload(); },
                                       [gateway = server.get()] { gateway->shut_down(); }));
  CLV_TRY_VOID(server->open_audit());
  CLV_TRY_VOID(server->bind_gateway());
  CLV_TRY_VOID(server->bind_admin());
  server->first_world_ = CLV_TRY(server->first_world());
  return server;
}

// The data directory is taken first: a second gateway must not touch the first one's log.
Result<void> Server::open_audit() {
  const Config& config = options_.config;
  const bool side_car = !options_.resources_dir.empty();
  if (!side_car) {
    if (config.audit.off)
      return Error(
          Code::kInvalid, Blame::kOperator,
          "audit: off is for side-car mode (--resources): a gateway with a store records what it does");
    managed_ = CLV_TRY(Managed::open(config, control_, memory_));
  } else if (config.audit.off) {
    return ok();
  } else {
    CLV_TRY_VOID(make_directory(config.data_dir));
    lock_ = CLV_TRY(DataDirLock::take(config.data_dir));
    file_signer_ = CLV_TRY(open_file_signer(config, memory_));
  }
  audit_log_ = CLV_TRY(open_audit_log(config, side_car ? *file_signer_ : managed_->signer(), clock_));
  lane_ = &audit_log_->make_lane();
  if (managed_)
    CLV_TRY_VOID(managed_->make_registry(options_.config, *audit_log_, *lane_, *memory_.key, clock_, log_));
  return ok();
}

Result<std::shared_ptr<const net::ServerTls>> Server::make_tls(const ListenerConfig& listener) {
  if (listener.tls.off) return std::shared_ptr<const net::ServerTls>();
  if (!listener.tls.certificate.empty())
    return net::ServerTls::create(listener.tls.certificate, listener.tls.key);
  const CertificateFiles files =
      CLV_TRY(ensure_certificate(options_.config.data_dir, options_.config.gateway.listen));
  ca_file_ = files.ca;
  return net::ServerTls::create(files.certificate, files.key);
}

Result<void> Server::bind_gateway() {
  const Config& config = options_.config;
  const auto tls = CLV_TRY(make_tls(config.gateway));
  // SO_REUSEPORT lets a second gateway share the port unnoticed: try it alone first.
  if (config.gateway.listen.port != 0) ::close(CLV_TRY(net::listen_on(config.gateway.listen, false)).fd);
  const WorkerContext context{config,       clock_,           shared_, *memory_.key,
                              *access_log_, audit_log_.get(), log_,    open_connections_};
  net::Endpoint endpoint = config.gateway.listen;
  for (unsigned number = 0; number < worker_count(config); ++number) {
    const net::ListeningSocket socket = CLV_TRY(net::listen_on(endpoint, true));
    endpoint = socket.bound;
    workers_.push_back(CLV_TRY(GatewayWorker::create(number, context)));
    CLV_TRY_VOID(workers_.back()->listen(socket.fd, tls));
  }
  gateway_endpoint_ = endpoint;
  own_listeners_.push_back(endpoint);
  return ok();
}

Result<void> Server::bind_admin() {
  if (!options_.config.admin) return ok();
  const auto tls = CLV_TRY(make_tls(*options_.config.admin));
  const net::ListeningSocket socket = CLV_TRY(net::listen_on(options_.config.admin->listen, false));
  admin_door_ = std::make_unique<doors::AdminDoor>(admin_services());
  admin_ = std::make_unique<Connections>(control_, control_buffers_, control_metrics_, *admin_door_,
                                         Connections::Options{options_.config.limits, admin_connections_,
                                                              options_.config.admin_connections, true});
  own_listeners_.push_back(socket.bound);
  return admin_->listen(socket.fd, tls);
}

doors::AdminServices Server::admin_services() {
  std::optional<ManagementParts> management;
  if (managed_) {
    reading_thread_ = std::make_unique<net::BackgroundThread>(control_, "clv-reader");
    management.emplace(*managed_, *audit_log_, *reading_thread_);
  }
  return wire_admin({.config = options_.config,
                     .arena = memory_.arena,
                     .log = log_,
                     .why_not_ready = [this] { return why_not_ready(); },
                     .metrics = [this] { return metrics(); },
                     .management = management});
}

Result<std::shared_ptr<const gateway::World>> Server::first_world() {
  if (!managed_) return read_side_car_world();
  CLV_TRY_VOID(managed_->registry().load({.own_listeners = own_listeners_}));
  CLV_TRY_VOID(quotas_.load(managed_->store(), managed_->store_thread()));
  return managed_->registry().world();
}

Result<std::shared_ptr<const gateway::World>> Server::read_side_car_world() {
  auto resources = CLV_TRY(read_resources(options_.resources_dir));
  auto snapshot = CLV_TRY(policy::Snapshot::compile(std::move(resources), revision_ + 1));
  gateway::SourceSecrets secrets(sources_);
  auto world = CLV_TRY(gateway::build_world(std::move(snapshot), nullptr, {.own_listeners = own_listeners_},
                                            *memory_.key, secrets, nullptr));
  ++revision_;
  return world;
}

// --- Run -----------------------------------------------------------------------------------------

Result<void> Server::run() {
  pthread_setname_np(pthread_self(), "clv-control");
  for (const auto& worker : workers_) worker->start(first_world_);
  first_world_.reset();
  if (managed_) {
    managed_->registry().start(
        [this](std::shared_ptr<const gateway::World> world, std::function<void()> everywhere) {
          publish(std::move(world), std::move(everywhere));
        });
  }
  ready_ = true;
  announce();
  keep_house();
  if (options_.on_ready) options_.on_ready();
  control_.run();
  record(audit::Event(clock_.wall(), "gateway.stopped"));
  log_.info("stopped");
  return ok();
}

void Server::announce() {
  const Config& config = options_.config;
  const std::uint64_t revision = managed_ ? managed_->registry().world()->policy->revision() : revision_;
  const std::string from = managed_ ? store_path(config) : options_.resources_dir;
  log_.info("listener_started", {{"listener", "gateway"},
                                 {"address", net::format_endpoint(gateway_endpoint_)},
                                 {"tls", !config.gateway.tls.off}});
  if (admin_)
    log_.info("listener_started", {{"listener", "admin"},
                                   {"address", net::format_endpoint(own_listeners_.back())},
                                   {"tls", !config.admin->tls.off}});
  if (memory_.arena.memory() == base::SecretArena::Memory::kLocked)
    log_.warning(
        "secret_memory",
        {{"kind", "locked"}, {"detail", "memfd_secret is not in use; root can read this process's memory"}});
  log_.info(
      "ready",
      {{"version", kVersion}, {"workers", workers_.size()}, {"revision", revision}, {"resources", from}});
  record(audit::Event(clock_.wall(), "gateway.started")
             .add("version", kVersion)
             .add("mode", managed_ ? "store" : "side-car")
             .add("revision", revision));
}

void Server::record(audit::Event event) {
  if (lane_ != nullptr) lane_->append(std::move(event).text());
}

// What is due once a second.
void Server::keep_house() {
  clock_watch_.look();
  watch_adoption();
  watch_audit();
  if (control_.now() - swept_ > kSweep) {
    quotas_.sweep(control_.wall_now());
    swept_ = control_.now();
  }
  housekeeping_.start(kHousekeeping, [this] { keep_house(); });
}

// Says why, once, and once that it is over.
void Server::watch_audit() {
  if (!audit_log_) return;
  const audit::LogState state = audit_log_->state();
  if (state.failing == audit_failing_) return;
  audit_failing_ = state.failing;
  if (state.failing)
    log_.error("audit_log_failing", {{"reason", state.failure},
                                     {"detail", "calls wait, then get 503; it is tried again by itself"}});
  else log_.info("audit_log_recovered");
}

// A worker that goes on deciding by what was revoked must not go on.
void Server::watch_adoption() {
  if (!publications_.is_stuck()) return;
  log_.error("worker_stuck",
             {{"detail", "a worker did not take over a change within 5 s; the process stops"}});
  std::abort();
}

void Server::publish(std::shared_ptr<const gateway::World> world, std::function<void()> everywhere) {
  const auto adopted = publications_.begin(workers_.size());
  for (const auto& worker : workers_) {
    worker->adopt(world, [this, adopted, everywhere] {
      if (adopted()) control_.post(everywhere);
    });
  }
}

// --- Reload --------------------------------------------------------------------------------------

// Everything that may be wrong is read before anything is changed: certificates first, to be used last.
void Server::reload() {
  if (stopping_) return;
  auto certificates = read_certificates();
  if (!certificates.has_value()) return reload_failed(certificates.error());
  if (managed_) return net::spawn(reload_stored(*std::move(certificates)));
  auto world = read_side_car_world();
  if (!world.has_value()) return reload_failed(world.error());
  publish(*std::move(world), [this, certificates = *std::move(certificates), revision = revision_] {
    finish_reload(certificates, revision);
  });
}

// Of a CA file that is no good, refresh() would make a credential that cannot be used: it is found before.
net::Task<void> Server::reload_stored(Certificates certificates) {
  registry::StoredRegistry& registry = managed_->registry();
  auto outcome = gateway::check_ca_files(*registry.world()->upstreams);
  if (outcome.has_value()) outcome = co_await registry.refresh();
  if (!outcome.has_value()) co_return reload_failed(outcome.error());
  finish_reload(certificates, registry.world()->policy->revision());
}

Result<Server::Certificates> Server::read_certificates() {
  Certificates read{.gateway = CLV_TRY(make_tls(options_.config.gateway)), .admin = {}};
  if (admin_) read.admin = CLV_TRY(make_tls(*options_.config.admin));
  return read;
}

void Server::reload_failed(const Error& error) {
  log_.error("reload_failed", {{"reason", error.what()}, {"detail", "nothing was changed"}});
}

void Server::finish_reload(const Certificates& certificates, std::uint64_t revision) {
  for (const auto& worker : workers_) worker->use(certificates.gateway);
  if (admin_) admin_->use(certificates.admin);
  if (const auto reopened = access_log_->reopen(); !reopened.has_value())
    log_.warning("access_log_not_reopened", {{"reason", reopened.error().what()}});
  log_.info("reloaded", {{"revision", revision}});
  record(audit::Event(clock_.wall(), "gateway.reloaded").add("revision", revision));
}

// --- Stop ----------------------------------------------------------------------------------------

void Server::shut_down() {
  if (stopping_) return stop_all();  // asked twice: now
  stopping_ = true;
  ready_ = false;
  log_.info("draining", {{"connections", open_connections_.load()},
                         {"drain_timeout_ms", options_.config.drain_timeout.count()}});
  const auto waiting = std::make_shared<std::atomic<std::size_t>>(workers_.size());
  for (const auto& worker : workers_) {
    worker->drain([this, waiting] {
      if (waiting->fetch_sub(1, std::memory_order_acq_rel) == 1) control_.post([this] { stop_all(); });
    });
  }
  drain_timer_.start(options_.config.drain_timeout, [this] {
    log_.warning("drain_timeout", {{"connections", open_connections_.load()}});
    stop_all();
  });
}

// Ends what is left, and gives the ends a moment to be written and recorded.
void Server::stop_all() {
  quotas_.stop();
  for (const auto& worker : workers_) worker->cancel_all();
  drain_timer_.start(std::chrono::milliseconds(open_connections_.load() == 0 ? 0 : 200),
                     [this] { stop_once_recorded(control_.now() + kMostRecording); });
}

// What management did is in the store for good; the log should have it, too, before the process goes.
void Server::stop_once_recorded(Monotonic latest) {
  if (!managed_ || managed_->registry().is_idle() || control_.now() >= latest) return control_.stop();
  drain_timer_.start(std::chrono::milliseconds(50), [this, latest] { stop_once_recorded(latest); });
}

// Empty when it is.
std::string Server::why_not_ready() const {
  if (stopping_) return "the gateway is shutting down";
  if (!ready_) return "the gateway is starting";
  if (!audit_log_) return {};
  // Why, with paths and all, is for those who may ask `claviger status`.
  return audit_log_->state().failing ? "the audit log cannot be written" : std::string();
}

std::optional<telemetry::AuditSample> Server::audit_sample() const {
  if (!audit_log_) return std::nullopt;
  const audit::LogState state = audit_log_->state();
  return telemetry::AuditSample{.size = state.size,
                                .checkpointed = state.checkpointed,
                                .queued = state.queued,
                                .lag_ms = static_cast<std::uint64_t>(state.lag.count()),
                                .failing = state.failing};
}

// Without a store there is nothing to save, so that nothing can be amiss with it.
std::optional<telemetry::QuotaSample> Server::quota_sample() const {
  if (!managed_) return std::nullopt;
  const policy::LeaseDesk& desk = quotas_.desk();
  return telemetry::QuotaSample{
      .counters = desk.size(), .saves = desk.saves(), .failed_saves = desk.failed_saves()};
}

std::string Server::metrics() const {
  std::vector<telemetry::NamedMetrics> all;
  for (std::size_t i = 0; i < workers_.size(); ++i)
    all.push_back({std::to_string(i), &workers_[i]->metrics()});
  all.push_back({"control", &control_metrics_});
  const auto usage = memory_.arena.usage();
  return telemetry::expose(all,
                           {.arena_bytes_in_use = usage.in_use,
                            .arena_bytes_limit = usage.limit,
                            .arena_is_memfd = memory_.arena.memory() == base::SecretArena::Memory::kMemfd,
                            .openssl_arena_overflows = crypto::openssl_memory().arena_overflows,
                            .version = kVersion,
                            .audit = audit_sample(),
                            .quotas = quota_sample()});
}

}  // namespace claviger::server
