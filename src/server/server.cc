// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "crypto/openssl_memory.h"
#include "server/data_dir.h"
#include "server/resource_files.h"
#include "server/version.h"

namespace claviger::server {
namespace {

constexpr std::size_t kMostAdminConnections = 256;

Result<int> open_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int each : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&wanted, each);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  const int fd = ::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) return Error::from_errno(Code::kIo, Blame::kOperator, "waiting for signals", errno);
  return fd;
}

unsigned worker_count(const Config& config) {
  return config.workers != 0 ? config.workers : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

// Signals as events: nothing runs in a handler.
class Server::Signals final : public net::EventHandler {
 public:
  Signals(Server& server, int fd) noexcept : server_(server), fd_(fd) {}
  ~Signals() override {
    server_.control_.remove(fd_);
    ::close(fd_);
  }
  void on_events(net::Events) noexcept override {
    signalfd_siginfo info{};
    while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo == SIGHUP) server_.reload();
      else server_.shut_down();
    }
  }
  int fd() const noexcept { return fd_; }

 private:
  Server& server_;
  int fd_;
};

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
      shared_{cells_,
              address_cells_,
              limit_keys_,
              options_.config.unauthenticated,
              {net::kBufferSize, http::kMaxFields, net::kBufferSize}},
      probes_({.is_ready = [this] { return ready_; }, .metrics = [this] { return metrics(); }}),
      drain_timer_(control) {}

Server::~Server() {
  workers_.clear();
  if (admin_) admin_->cancel_all();
}

Result<std::unique_ptr<Server>> Server::create(net::Loop& control, ServerOptions options,
                                               SecretMemory& memory, const Clock& clock,
                                               telemetry::Log& log) {
  // Before any thread is started, so that all of them leave these signals to the control thread.
  const int signal_fd = CLV_TRY(open_signals());
  auto access_log = CLV_TRY(telemetry::AccessLogWriter::open(options.config.access_log));
  std::unique_ptr<Server> server(
      new Server(control, std::move(options), memory, clock, log, std::move(access_log)));
  server->signals_ = std::make_unique<Signals>(*server, signal_fd);
  CLV_TRY_VOID(control.add(signal_fd, net::Trigger::kLevel, *server->signals_));
  CLV_TRY_VOID(server->bind_gateway());
  CLV_TRY_VOID(server->bind_admin());
  server->first_world_ = CLV_TRY(server->read_world());
  return server;
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
  const WorkerContext context{config, clock_, shared_, *memory_.key, *access_log_, log_, open_connections_};
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
  admin_ = std::make_unique<Connections>(
      control_, control_buffers_, control_metrics_, probes_,
      Connections::Options{options_.config.limits, admin_connections_, kMostAdminConnections});
  own_listeners_.push_back(socket.bound);
  return admin_->listen(socket.fd, tls);
}

Result<std::shared_ptr<const gateway::World>> Server::read_world() {
  auto resources = CLV_TRY(read_resources(options_.resources_dir));
  auto world = CLV_TRY(
      gateway::build_world(std::move(resources), revision_ + 1, own_listeners_, *memory_.key, sources_));
  ++revision_;
  return world;
}

// --- Run -----------------------------------------------------------------------------------------

Result<void> Server::run() {
  pthread_setname_np(pthread_self(), "clv-control");
  const Config& config = options_.config;
  for (const auto& worker : workers_) worker->start(first_world_);
  first_world_.reset();
  ready_ = true;
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
  log_.info("ready", {{"version", kVersion},
                      {"workers", workers_.size()},
                      {"revision", revision_},
                      {"resources", options_.resources_dir}});
  control_.run();
  log_.info("stopped");
  return ok();
}

void Server::publish(std::shared_ptr<const gateway::World> world, std::function<void()> everywhere) {
  const auto waiting = std::make_shared<std::atomic<std::size_t>>(workers_.size());
  for (const auto& worker : workers_) {
    worker->adopt(world, [this, waiting, everywhere] {
      if (waiting->fetch_sub(1, std::memory_order_acq_rel) == 1) control_.post(everywhere);
    });
  }
}

// Everything that SIGHUP reads anew, read before anything is changed.
Result<Server::Fresh> Server::read_fresh() {
  Fresh fresh;
  fresh.gateway_tls = CLV_TRY(make_tls(options_.config.gateway));
  if (admin_) fresh.admin_tls = CLV_TRY(make_tls(*options_.config.admin));
  fresh.world = CLV_TRY(read_world());
  return fresh;
}

void Server::reload() {
  if (stopping_) return;
  auto fresh = read_fresh();
  if (!fresh.has_value())
    return log_.error("reload_failed", {{"reason", fresh.error().what()}, {"detail", "nothing was changed"}});
  if (const auto reopened = access_log_->reopen(); !reopened.has_value())
    log_.warning("access_log_not_reopened", {{"reason", reopened.error().what()}});
  if (admin_) admin_->use(fresh->admin_tls);
  for (const auto& worker : workers_) worker->use(fresh->gateway_tls);
  publish(fresh->world, [this, revision = revision_] { log_.info("reloaded", {{"revision", revision}}); });
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
  for (const auto& worker : workers_) worker->cancel_all();
  drain_timer_.start(std::chrono::milliseconds(open_connections_.load() == 0 ? 0 : 200),
                     [this] { control_.stop(); });
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
                            .version = kVersion});
}

}  // namespace claviger::server
