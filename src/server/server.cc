// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <thread>

#include "server/audit_trail.h"
#include "server/version.h"

namespace claviger::server {
namespace {

constexpr auto kHousekeeping = std::chrono::seconds(1);
constexpr auto kSweep = std::chrono::hours(1);  // of quotas' windows that are over

}  // namespace

unsigned Server::worker_count(const Config& config) {
  return config.workers != 0 ? config.workers : std::max(1U, std::thread::hardware_concurrency());
}

Admission::Most Server::most_callers(const Config& config) {
  return Admission::of_callers(config.connections, config.connections_per_address, worker_count(config));
}

// What depends on the mode, where the configuration says nothing.
void Server::fill_in(Config& config, const std::string& resources_dir) {
  const bool is_off = !resources_dir.empty() ? has_stdout_sink(config) : true;
  if (config.access_log.empty()) config.access_log = is_off ? "off" : "stdout";
}

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
      door_check_(log),
      housekeeping_(control),
      publications_(clock),
      reload_(options_.config, reload_steps()),
      shutdown_(shutdown_parts()) {}

Server::~Server() {
  doors_.clear();
  workers_.clear();
  if (admin_) admin_->cancel_all();
  if (sinks_) sinks_->log_is_closing();
}

// --- Run -----------------------------------------------------------------------------------------

Result<void> Server::run() {
  pthread_setname_np(pthread_self(), "clv-control");
  if (sinks_) sinks_->start();
  custody_->tokens().adopt(*first_world_);
  for (const auto& worker : workers_) worker->start(first_world_);
  tell_doors(*first_world_);
  for (const auto& door : doors_) door->start();
  first_world_.reset();
  if (managed_) {
    managed_->registry().start(
        [this](std::shared_ptr<const gateway::World> world, std::function<void()> everywhere) {
          hand_out_world(world, std::move(everywhere));
        });
  }
  ready_ = true;
  announce();
  check_doors();
  custody_->sources().start(
      [this](const std::string& from) { control_.post([this, from] { renew_secret(from); }); },
      [this] { return world(); });
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
                                   {"address", net::format_endpoint(admin_endpoint_)},
                                   {"tls", !config.admin->tls.off}});
  for (const auto& door : doors_) {
    log_.info(
        "listener_started",
        {{"listener", door->name()}, {"address", net::format_endpoint(door->endpoint())}, {"tls", false}});
    if (const auto health = door->health_endpoint())
      log_.info("listener_started", {{"listener", door->name() + ".health"},
                                     {"address", net::format_endpoint(*health)},
                                     {"tls", false}});
  }
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
  custody_->desk().look(*world(), lane_ == nullptr || lane_->has_room(control_.now()));
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
          .connections =
              [this] {
                std::size_t open = admission_.open();
                for (const auto& door : doors_) open += door->open();
                return open;
              },
          .drain = [this](std::function<void()> drained) { drain(std::move(drained)); },
          .end_calls =
              [this] {
                quotas_.stop();
                custody_->tokens().stop();
                custody_->desk().save_uses();
                for (const auto& door : doors_) door->cancel_all();
                for (const auto& worker : workers_) worker->cancel_all();
              },
          .is_recorded =
              [this] {
                return !managed_ || (custody_->tokens().is_idle() && managed_->registry().is_idle() &&
                                     custody_->uses().is_idle());
              }};
}

void Server::shut_down() {
  reload_.stop();
  if (managed_) managed_->registry().stop_long_work();
  shutdown_.ask({.delay = options_.config.drain_delay, .timeout = options_.config.drain_timeout});
}

void Server::drain(std::function<void()> drained) {
  const auto waiting = std::make_shared<std::atomic<std::size_t>>(workers_.size() + doors_.size());
  const auto one_is_drained = [this, waiting, drained] {
    if (waiting->fetch_sub(1, std::memory_order_acq_rel) == 1) control_.post(drained);
  };
  for (const auto& worker : workers_) worker->drain(one_is_drained);
  for (const auto& door : doors_) door->drain(one_is_drained);
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
