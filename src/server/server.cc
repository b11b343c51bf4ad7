// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <coroutine>
#include <thread>

#include "gateway/destination.h"
#include "gateway/source_secrets.h"
#include "server/admin_wiring.h"
#include "server/audit_trail.h"
#include "server/data_dir.h"
#include "server/listener_tls.h"
#include "server/metrics_page.h"
#include "server/pseudonym_key.h"
#include "server/resource_files.h"
#include "server/version.h"

namespace claviger::server {
namespace {

constexpr auto kHousekeeping = std::chrono::seconds(1);
constexpr auto kSweep = std::chrono::hours(1);  // of quotas' windows that are over

unsigned worker_count(const Config& config) {
  return config.workers != 0 ? config.workers : std::max(1U, std::thread::hardware_concurrency());
}

Admission::Most most_callers(const Config& config) {
  return Admission::of_callers(config.connections, config.connections_per_address, worker_count(config));
}

// What depends on the mode, where the configuration says nothing.
void fill_in(Config& config, const std::string& resources_dir) {
  const bool is_off = !resources_dir.empty() ? has_stdout_sink(config) : true;
  if (config.access_log.empty()) config.access_log = is_off ? "off" : "stdout";
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
      usage_(clock),
      overload_({.memory = options_.config.memory}, [this] { return usage_.measure(); }),
      shared_{cells_,
              address_cells_,
              refusal_cells_,
              limit_keys_,
              {net::kBufferSize, http::kMaxFields, net::kBufferSize},
              options_.config.audit.lane_timeout,
              &quotas_.cells(),
              &quotas_.leases(),
              &overload_.flag(),
              &upstream_book_},
      admission_(most_callers(options_.config)),
      admin_admission_(Admission::of_admins(options_.config.admin_connections)),
      clock_watch_(clock,
                   [this](std::chrono::milliseconds step) {
                     log_.warning("clock_stepped", {{"step_ms", step.count()}});
                     record(audit::Event(clock_.wall(), "clock.stepped")
                                .add("step", std::to_string(step.count()) + "ms"));
                   }),
      overload_watch_(
          control, log, overload_,
          [this](bool waits) {
            for (const auto& worker : workers_) waits ? worker->pause() : worker->resume();
          },
          [this] { record_shedding(); }),
      audit_watch_(clock, log, [this](audit::Event event) { record(std::move(event)); }),
      endpoint_watch_(clock, upstream_book_, [this](audit::Event event) { record(std::move(event)); }),
      housekeeping_(control),
      publications_(clock),
      reload_(options_.config, reload_steps()),
      shutdown_(shutdown_parts()) {}

Server::~Server() {
  workers_.clear();
  if (admin_) admin_->cancel_all();
  if (sinks_) sinks_->log_is_closing();
}

Result<std::unique_ptr<Server>> Server::create(net::Loop& control, ServerOptions options,
                                               SecretMemory& memory, const Clock& clock,
                                               telemetry::Log& log) {
  // Before any thread is started, so that all of them leave these signals to the control thread.
  auto signals = CLV_TRY(Signals::block(control));
  fill_in(options.config, options.resources_dir);
  auto access_log = CLV_TRY(telemetry::AccessLogWriter::open(options.config.access_log));
  std::unique_ptr<Server> server(
      new Server(control, std::move(options), memory, clock, log, std::move(access_log)));
  server->signals_ = std::move(signals);
  server->ticket_keys_ = CLV_TRY(net::TicketKeys::create(memory.arena, clock));
  CLV_TRY_VOID(server->signals_->watch([gateway = server.get()] { gateway->reload_.ask(); },
                                       [gateway = server.get()] { gateway->shut_down(); }));
  CLV_TRY_VOID(server->open_audit());
  CLV_TRY_VOID(server->open_sinks());
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
    side_car_keys_ = CLV_TRY(SideCarKeys::open(config.data_dir, memory_));
    if (config.audit.addresses == audit::Addresses::kPseudonym)
      pseudonyms_.emplace(CLV_TRY(file_pseudonyms(config, memory_)));
  }
  if (managed_) pseudonyms_.emplace(CLV_TRY(vault_pseudonyms(managed_->keys(), memory_)));
  audit_log_ =
      CLV_TRY(side_car ? open_audit_log(config, side_car_keys_->signer(), side_car_keys_->next(), clock_)
                       : open_audit_log(config, managed_->signer(), managed_->next_signer(), clock_));
  lane_ = &audit_log_->make_lane();
  if (managed_)
    CLV_TRY_VOID(managed_->make_registry(options_.config, *audit_log_, *lane_, *memory_.key, clock_, log_));
  return ok();
}

Result<void> Server::open_sinks() {
  if (!audit_log_ || options_.config.audit.sinks.empty()) return ok();
  const std::string& key = audit_log_->verifier_key();
  const auto extent = [log = audit_log_.get()] {
    const audit::LogState state = log->state();
    return sinks::LogExtent{.synced = state.size, .checkpointed = state.checkpointed};
  };
  sinks_ = CLV_TRY(sinks::Sinks::create(
      options_.config.audit.sinks,
      {.log_directory = audit_directory(options_.config),
       .origin = key.substr(0, key.find('+')),
       .user_agent = "claviger/" + std::string(kVersion),
       .extent = extent,
       .record = [this](audit::Event event) { control_.post([this, event] { record(event); }); },
       .secrets = sources_,
       .clock = clock_,
       .log = log_}));
  return ok();
}

Result<std::shared_ptr<const net::ServerTls>> Server::make_tls(const ListenerConfig& listener) {
  OpenedTls made = CLV_TRY(open_listener_tls(listener, options_.config, *ticket_keys_));
  if (!made.ca_file.empty()) ca_file_ = std::move(made.ca_file);
  return std::move(made.tls);
}

Result<void> Server::bind_gateway() {
  const Config& config = options_.config;
  const auto tls = CLV_TRY(make_tls(config.gateway));
  // SO_REUSEPORT lets a second gateway share the port unnoticed: try it alone first.
  if (config.gateway.listen.port != 0) ::close(CLV_TRY(net::listen_on(config.gateway.listen, false)).fd);
  const WorkerContext context{config,           clock_, shared_,    *memory_.key,      *access_log_,
                              audit_log_.get(), log_,   admission_, recorded_address()};
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
  admin_ = std::make_unique<Connections>(
      control_, control_buffers_, control_metrics_, *admin_door_,
      Connections::Options{std::make_shared<const http::ServerLimits>(options_.config.limits),
                           admin_admission_, Connections::Yields::kStrangersAndIdle, recorded_address()});
  own_listeners_.push_back(socket.bound);
  return admin_->listen(socket.fd, tls);
}

doors::AdminServices Server::admin_services() {
  std::optional<ManagementParts> management;
  if (managed_) {
    reading_thread_ = std::make_unique<net::BackgroundThread>(control_, "clv-reader");
    management.emplace(*managed_, *audit_log_, *reading_thread_, sinks_.get());
  }
  return wire_admin(
      {.config = options_.config,
       .arena = memory_.arena,
       .log = log_,
       .why_not_ready = [this] { return why_not_ready(); },
       .metrics =
           [this] {
             return write_metrics_page({.workers = workers_,
                                        .control = control_metrics_,
                                        .arena = memory_.arena,
                                        .audit_log = audit_log_.get(),
                                        .leases = managed_ ? &quotas_.desk() : nullptr,
                                        .overload = overload_,
                                        .sinks = sinks_.get(),
                                        .upstreams = upstream_book_});
           },
       .management = management,
       .append = [this](audit::Event event) { record(std::move(event)); },
       .pseudonym = [this](const base::IpAddress& address) { return pseudonyms_->of(address); }});
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
  if (sinks_) sinks_->start();
  for (const auto& worker : workers_) worker->start(first_world_);
  first_world_.reset();
  if (managed_) {
    managed_->registry().start(
        [this](std::shared_ptr<const gateway::World> world, std::function<void()> everywhere) {
          hand_out([&world](GatewayWorker& worker,
                            std::function<void()> done) { worker.adopt(world, std::move(done)); },
                   std::move(everywhere));
        });
  }
  ready_ = true;
  announce();
  keep_house();
  overload_watch_.look();
  if (options_.on_ready) options_.on_ready();
  control_.count_in(&control_metrics_);
  control_.run();
  control_.count_in(nullptr);
  if (admin_door_) admin_door_->report_all_refusals(clock_.wall());
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
  warn_of_file_limit();
  log_.info(
      "ready",
      {{"version", kVersion}, {"workers", workers_.size()}, {"revision", revision}, {"resources", from}});
  record(audit::Event(clock_.wall(), "gateway.started")
             .add("version", kVersion)
             .add("mode", managed_ ? "store" : "side-car")
             .add("revision", revision));
}

// Each call has two: its caller's and its upstream's.
void Server::warn_of_file_limit() {
  constexpr std::size_t kOthers = 256;  // files, listeners, the log
  const Config& config = options_.config;
  const std::size_t wanted = 2 * config.connections + config.admin_connections + kOthers;
  const std::size_t limit = file_limit();
  if (wanted <= limit) return;
  const Admission::Most most = most_callers(config);
  log_.warning(
      "file_limit_low",
      {{"limit", limit},
       {"wanted", wanted},
       {"detail", fmt::format("limits.connections does not fit RLIMIT_NOFILE (LimitNOFILE): no more "
                              "than {} connections are taken of callers that are known, {} of others",
                              most.known, most.strangers * worker_count(config))}});
}

void Server::record(audit::Event event) {
  if (lane_ != nullptr) lane_->append(std::move(event).text());
}

// What is due once a second.
void Server::keep_house() {
  clock_watch_.look();
  watch_adoption();
  watch_for_the_log();
  if (control_.now() - swept_ > kSweep) {
    quotas_.sweep(control_.wall_now());
    swept_ = control_.now();
  }
  housekeeping_.start(kHousekeeping, [this] { keep_house(); });
}

// What is recorded of the gateway's own state. What may come often waits while the log takes nothing.
void Server::watch_for_the_log() {
  if (!audit_log_) return;
  audit_watch_.look(audit_log_->state());
  if (side_car_keys_ && side_car_keys_->settle(*audit_log_, log_))
    record(audit::Event(clock_.wall(), "audit.key_retired").add("key", side_car_keys_->old_key(*audit_log_)));
  if (!lane_->has_room(control_.now())) return;
  endpoint_watch_.look();
  if (admin_door_) admin_door_->report_refusals(control_.now(), clock_.wall());
}

// Calls that are shed have no event of their own.
void Server::record_shedding() {
  const bool is_shedding = overload_.is_shedding();
  const Overload::Usage& usage = overload_.usage();
  const Overload::Limits& limits = overload_.limits();
  audit::Event event(clock_.wall(), is_shedding ? "gateway.shedding_began" : "gateway.shedding_ended");
  event.add("reason", overload_.reason());
  event.add("memory", usage.memory).add("memory_limit", limits.memory);
  event.add("descriptors", usage.descriptors).add("descriptors_limit", limits.descriptors);
  record(std::move(event));
}

// Null: as they are.
std::function<std::string(const base::IpAddress&)> Server::recorded_address() const {
  const audit::Addresses how = options_.config.audit.addresses;
  if (how == audit::Addresses::kFull) return {};
  return [this, how](const base::IpAddress& address) {
    return audit::recorded_address(address, how, pseudonyms_ ? &*pseudonyms_ : nullptr);
  };
}

// A worker that goes on deciding by what was revoked must not go on.
void Server::watch_adoption() {
  if (!publications_.is_stuck()) return;
  log_.error("worker_stuck",
             {{"detail", "a worker did not take over a change within 5 s; the process stops"}});
  std::abort();
}

// Gives each worker what it is to go by; `everywhere` runs on the control thread once all of them do.
void Server::hand_out(const Give& give, std::function<void()> everywhere) {
  const auto has_it = publications_.begin(workers_.size());
  for (const auto& worker : workers_) {
    give(*worker, [this, has_it, everywhere] {
      if (has_it()) control_.post(everywhere);
    });
  }
}

// The same, to be awaited.
struct Server::Everywhere {
  Server& server;
  Give give;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) const {
    server.hand_out(give, [handle] { handle.resume(); });
  }
  void await_resume() const noexcept {}
};

// --- Reload --------------------------------------------------------------------------------------

Reload::Steps Server::reload_steps() {
  return {.read_config = [this] { return read_config(); },
          .read_certificates = [this](const Config& config) { return read_certificates(config); },
          .read_resources = [this] { return read_resources_anew(); },
          .take_over =
              [this](Config config, Reload::Certificates certificates) {
                return take_over(std::move(config), std::move(certificates));
              },
          .report = [this](const Result<Reload::Outcome>& outcome) { report(outcome); }};
}

Result<Config> Server::read_config() const {
  if (!options_.read_config) return options_.config;
  Config config = CLV_TRY(options_.read_config());
  fill_in(config, options_.resources_dir);
  return config;
}

Result<Reload::Certificates> Server::read_certificates(const Config& config) {
  Reload::Certificates read{.gateway = CLV_TRY(make_tls(config.gateway)), .admin = {}};
  if (config.admin) read.admin = CLV_TRY(make_tls(*config.admin));
  return read;
}

// Of a CA file that is no good, refresh() would make a credential that cannot be used: it is found before.
net::Task<Result<std::uint64_t>> Server::read_resources_anew() {
  if (managed_) {
    registry::StoredRegistry& registry = managed_->registry();
    CLV_CO_TRY_VOID(gateway::check_ca_files(*registry.world()->upstreams));
    CLV_CO_TRY_VOID(co_await registry.refresh());
    co_return registry.world()->policy->revision();
  }
  const auto world = CLV_CO_TRY(read_side_car_world());
  co_await Everywhere{*this, [world](GatewayWorker& worker, std::function<void()> done) {
                        worker.adopt(world, std::move(done));
                      }};
  co_return world->policy->revision();
}

net::Task<void> Server::take_over(Config config, Reload::Certificates certificates) {
  options_.config = std::move(config);
  const Config& now = options_.config;
  log_.set_level(now.log_level);
  admission_.use(most_callers(now));
  overload_.use({.memory = now.memory});
  if (admin_) {
    admin_admission_.use(Admission::of_admins(now.admin_connections));
    admin_->use(certificates.admin);
    admin_->use(std::make_shared<const http::ServerLimits>(now.limits));
    admin_door_->use(now.admin_rate, now.security_contact);
  }
  const WorkerSettings settings = WorkerSettings::of(now, std::move(certificates.gateway));
  co_await Everywhere{*this, [settings](GatewayWorker& worker, std::function<void()> done) {
                        worker.use(settings, std::move(done));
                      }};
  if (const auto reopened = access_log_->reopen(); !reopened.has_value())
    log_.warning("access_log_not_reopened", {{"reason", reopened.error().what()}});
  if (sinks_) sinks_->reopen();
  warn_of_file_limit();
}

void Server::report(const Result<Reload::Outcome>& outcome) {
  if (!outcome.has_value()) {
    log_.error("reload_failed", {{"reason", outcome.error().what()}, {"detail", "nothing was changed"}});
    return record(
        audit::Event(clock_.wall(), "gateway.reload_refused").add("reason", outcome.error().what()));
  }
  log_.info("reloaded", {{"revision", outcome->revision}, {"changed", outcome->changed}});
  record(audit::Event(clock_.wall(), "gateway.reloaded")
             .add("revision", outcome->revision)
             .add("changed", outcome->changed));
}

// --- Stop ----------------------------------------------------------------------------------------

Shutdown::Parts Server::shutdown_parts() {
  return {.control = control_,
          .log = log_,
          .connections = [this] { return admission_.open(); },
          .drain = [this](std::function<void()> drained) { drain(std::move(drained)); },
          .end_calls =
              [this] {
                quotas_.stop();
                for (const auto& worker : workers_) worker->cancel_all();
              },
          .is_recorded = [this] { return !managed_ || managed_->registry().is_idle(); }};
}

void Server::shut_down() {
  reload_.stop();
  shutdown_.ask({.delay = options_.config.drain_delay, .timeout = options_.config.drain_timeout});
}

void Server::drain(std::function<void()> drained) {
  const auto waiting = std::make_shared<std::atomic<std::size_t>>(workers_.size());
  for (const auto& worker : workers_) {
    worker->drain([this, waiting, drained] {
      if (waiting->fetch_sub(1, std::memory_order_acq_rel) == 1) control_.post(drained);
    });
  }
}

// Empty when it is.
std::string Server::why_not_ready() const {
  if (shutdown_.has_begun()) return "the gateway is shutting down";
  // New connections are not taken meanwhile, so a balancer had better send them elsewhere.
  if (overload_.is_shedding()) return "the gateway sheds calls: memory or file descriptors run short";
  if (overload_.level() == Overload::Level::kTight)
    return "the gateway takes no connections: memory or file descriptors run short";
  if (!ready_) return "the gateway is starting";
  if (!audit_log_) return {};
  // Why, with paths and all, is for those who may ask `claviger status`.
  const audit::LogState log = audit_log_->state();
  if (log.failing) return "the audit log cannot be written";
  if (log.is_low_on_space) return "the audit log's disk is nearly full";
  if (log.is_stalled) return "the audit log's disk does not keep up";
  return {};
}

}  // namespace claviger::server
