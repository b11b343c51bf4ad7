// SPDX-License-Identifier: Apache-2.0
// How a server comes to be: what it opens and binds, in this order.
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "server/admin_wiring.h"
#include "server/audit_trail.h"
#include "server/data_dir.h"
#include "server/listener_tls.h"
#include "server/metrics_page.h"
#include "server/pseudonym_key.h"
#include "server/server.h"
#include "server/version.h"

namespace claviger::server {

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
  server->custody_ = CLV_TRY(Custody::create(control, server->control_buffers_, memory));
  server->custody_->watch_lives(
      clock, log, [gateway = server.get()](audit::Event event) { gateway->record(std::move(event)); });
  CLV_TRY_VOID(server->open_sources());
  CLV_TRY_VOID(server->open_tokens());
  CLV_TRY_VOID(server->open_audit());
  CLV_TRY_VOID(server->open_sinks());
  CLV_TRY_VOID(server->bind_gateway());
  CLV_TRY_VOID(server->bind_admin());
  CLV_TRY_VOID(server->bind_doors());
  server->first_world_ = CLV_TRY(server->first_world());
  return server;
}

Result<void> Server::open_tokens() {
  gateway::TokenDesk::Surroundings around{.control = control_,
                                          .key = *memory_.key,
                                          .log = log_,
                                          .readers = worker_count(options_.config),
                                          .fetch = {},
                                          .record = [this](audit::Event event) { record(std::move(event)); },
                                          .keep = {}};
  if (options_.resources_dir.empty())
    around.keep = [this](gateway::ReplacedSecret secret) { return keep_replaced(std::move(secret)); };
  CLV_TRY_VOID(custody_->open_tokens(control_, std::move(around)));
  shared_.tokens = &custody_->token_line();
  return ok();
}

// A change of the registry is never ended in the middle, and whoever waits for this one may be: it goes on by itself.
net::Task<Result<void>> Server::keep_replaced(gateway::ReplacedSecret secret) {
  const auto held = std::make_shared<gateway::ReplacedSecret>(std::move(secret));
  co_return co_await net::wait_for_answer<void>(
      control_, control_, std::chrono::hours(1),
      Error(Code::kUnavailable, Blame::kOperator, "the store takes too long"),
      [this, held](net::Answer<void> done) { net::spawn(change_secret(held, std::move(done))); });
}

// By the gateway itself, so that nobody's rights are asked.
net::Task<void> Server::change_secret(std::shared_ptr<gateway::ReplacedSecret> secret,
                                      net::Answer<void> done) {
  std::vector<registry::Change> changes(1);
  changes[0].verb = registry::Verb::kSetSecret;
  changes[0].kind = policy::Kind::kCredential;
  changes[0].name = std::move(secret->credential);
  changes[0].secret = std::move(secret->secret);
  changes[0].replaces = {.version = secret->version, .destination = std::move(secret->destination)};
  const auto outcome = co_await managed_->registry().change({}, std::move(changes), false);
  done(outcome.has_value() ? ok() : Result<void>(outcome.error()));
}

Result<void> Server::open_sources() {
  sources::Options options = options_.config.sources;
  // Who writes the files of a side-car could as well write its configuration.
  if (!options_.resources_dir.empty()) options.allowed.trust_resources();
  return custody_->open_sources(std::move(options), *memory_.key, sources_, log_,
                                [this](audit::Event event) { record(std::move(event)); });
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
    CLV_TRY_VOID(managed_->make_registry(options_.config, *audit_log_, *lane_, *memory_.key, clock_, log_,
                                         custody_->fetching()));
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
  admin_endpoint_ = socket.bound;
  own_listeners_.push_back(socket.bound);
  return admin_->listen(socket.fd, tls);
}

// Each has a worker of its own to call by, so that the upstream's connections are used again.
Result<void> Server::bind_doors() {
  for (const DoorConfig& config : options_.config.doors) {
    const auto connect = [worker = workers_[doors_.size() % workers_.size()].get()](
                             std::shared_ptr<HandedSocket> socket,
                             std::shared_ptr<const gateway::DoorCaller> door) {
      worker->take(std::move(socket), std::move(door));
    };
    doors_.push_back(
        CLV_TRY(DoorThread::create(config, {.clock = clock_,
                                            .log = log_,
                                            .audit_log = audit_log_.get(),
                                            .control = control_,
                                            .buffers = control_buffers_,
                                            .metrics = control_metrics_,
                                            .connect = connect,
                                            .sheds = overload_.flag(),
                                            .why_not_ready = [this] { return why_not_ready(); },
                                            .metrics_page = [this] { return metrics_page(); }})));
    std::ranges::copy(doors_.back()->listeners(), std::back_inserter(own_listeners_));
  }
  return ok();
}

std::string Server::metrics_page() {
  std::vector<doors::externaldns::NamedDoor> doors;
  std::vector<telemetry::NamedMetrics> threads;
  for (const auto& door : doors_) {
    doors.push_back(door->stats());
    threads.push_back({"door:" + door->name(), &door->metrics()});
  }
  return write_metrics_page({.workers = workers_,
                             .control = control_metrics_,
                             .others = threads,
                             .arena = memory_.arena,
                             .audit_log = audit_log_.get(),
                             .leases = managed_ ? &quotas_.desk() : nullptr,
                             .overload = overload_,
                             .sinks = sinks_.get(),
                             .upstreams = upstream_book_}) +
         custody_->desk().expose(*world()) + custody_->sources().expose() + custody_->tokens().expose() +
         doors::externaldns::expose(doors);
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
       .metrics = [this] { return metrics_page(); },
       .management = management,
       .append = [this](audit::Event event) { record(std::move(event)); },
       .pseudonym = [this](const base::IpAddress& address) { return pseudonyms_->of(address); }});
}

}  // namespace claviger::server
