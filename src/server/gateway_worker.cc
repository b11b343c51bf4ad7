// SPDX-License-Identifier: Apache-2.0
#include "server/gateway_worker.h"

#include <pthread.h>
#include <signal.h>

#include <string>

namespace claviger::server {
namespace {

constexpr auto kHousekeeping = std::chrono::seconds(1);

bool is_strict(const Config& config) noexcept {
  return config.audit.durability == audit::Durability::kStrict;
}

// Null: there is no log.
audit::Lane* make_lane(const WorkerContext& context, const std::shared_ptr<gateway::DiskNews>& news) {
  if (context.audit_log == nullptr) return nullptr;
  audit::LaneOptions options{.for_calls = true};
  if (is_strict(context.config)) options.on_progress = gateway::DiskNews::bell(news);
  return &context.audit_log->make_lane(std::move(options));
}

}  // namespace

WorkerSettings WorkerSettings::of(const Config& config, std::shared_ptr<const net::ServerTls> tls) {
  return {.tls = tls,
          .limits = config.limits,
          .pools = {config.upstream_connections, config.upstream_idle},
          .calls = {
              .tls = tls, .unauthenticated = config.unauthenticated, .begins_traces = config.begins_traces}};
}

Result<std::unique_ptr<GatewayWorker>> GatewayWorker::create(unsigned number, const WorkerContext& context) {
  auto loop = CLV_TRY(net::Loop::create(context.clock));
  auto resolver = CLV_TRY(net::Resolver::create(*loop));
  auto opener = CLV_TRY(context.key.make_opener());
  return std::unique_ptr<GatewayWorker>(
      new GatewayWorker(number, context, std::move(loop), std::move(resolver), std::move(opener)));
}

GatewayWorker::GatewayWorker(unsigned number, const WorkerContext& context, std::unique_ptr<net::Loop> loop,
                             std::unique_ptr<net::Resolver> resolver, vault::Opener opener)
    : number_(number),
      loop_(std::move(loop)),
      resolver_(std::move(resolver)),
      access_log_(context.access_log, metrics_),
      worker_{*loop_,
              *resolver_,
              buffers_,
              metrics_,
              access_log_,
              make_lane(context, disk_news_),
              gateway::FailureLog(context.log),
              std::move(opener),
              crypto::Sha256(),
              gateway::RequestIds(),
              gateway::SecretScratchPool(context.key.arena()),
              gateway::UpstreamPools(*loop_, *resolver_, buffers_, metrics_,
                                     WorkerSettings::of(context.config, nullptr).pools,
                                     context.shared.upstream_book),
              context.shared,
              {}},
      door_(worker_),
      connections_(*loop_, buffers_, metrics_, door_,
                   {std::make_shared<const http::ServerLimits>(context.config.limits), context.admission,
                    Connections::Yields::kStrangersAndIdle, context.recorded_address}),
      inner_connections_(worker_),
      housekeeping_(*loop_) {
  worker_.settings = WorkerSettings::of(context.config, nullptr).calls;
  worker_.number = number_;
  loop_->count_in(&metrics_);
  if (worker_.lane == nullptr || !is_strict(context.config)) return;
  disk_queue_.emplace(*loop_, *worker_.lane, context.shared.lane_timeout);
  disk_news_->open(*loop_, *disk_queue_);
  worker_.disk_queue = &*disk_queue_;
}

GatewayWorker::~GatewayWorker() {
  stop();
  if (thread_.joinable()) thread_.join();
  gateway::report_all_refusals(worker_);
  disk_news_->close();
}

Result<void> GatewayWorker::listen(int listening_fd, std::shared_ptr<const net::ServerTls> tls) {
  worker_.settings.tls = tls;
  return connections_.listen(listening_fd, std::move(tls));
}

void GatewayWorker::start(std::shared_ptr<const gateway::World> world) {
  gateway::adopt(worker_, std::move(world));
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("clv-worker-" + std::to_string(number_)).c_str());
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    keep_house();
    loop_->run();
  });
}

// What is due once a second and not for each request.
void GatewayWorker::keep_house() {
  access_log_.flush();
  gateway::end_expired(worker_);
  gateway::report_refusals(worker_);
  metrics_.set(telemetry::Gauge::kFramePoolBytes, static_cast<std::int64_t>(loop_->frames().bytes()));
  metrics_.set(telemetry::Gauge::kBufferPoolBytes, static_cast<std::int64_t>(buffers_.bytes()));
  housekeeping_.start(kHousekeeping, [this] { keep_house(); });
}

void GatewayWorker::adopt(std::shared_ptr<const gateway::World> world, std::function<void()> done) {
  loop_->post([this, world = std::move(world), done = std::move(done)] {
    gateway::adopt(worker_, world);
    done();
  });
}

// Each worker has limits of its own: what all share would be counted by all for each connection.
void GatewayWorker::use(WorkerSettings settings, std::function<void()> done) {
  loop_->post([this, settings = std::move(settings), done = std::move(done)] {
    connections_.use(settings.tls);
    connections_.use(std::make_shared<const http::ServerLimits>(settings.limits));
    worker_.pools.use(settings.pools);
    gateway::use(worker_, settings.calls);
    done();
  });
}

void GatewayWorker::take(std::shared_ptr<HandedSocket> socket,
                         std::shared_ptr<const gateway::DoorCaller> door) {
  loop_->post(
      [this, socket = std::move(socket), door = std::move(door)] { inner_connections_.take(*socket, door); });
}

void GatewayWorker::pause() {
  loop_->post([this] { connections_.pause(); });
}

void GatewayWorker::resume() {
  loop_->post([this] { connections_.resume(); });
}

void GatewayWorker::drain(std::function<void()> drained) {
  loop_->post([this, drained = std::move(drained)] {
    worker_.pools.retire_all();
    connections_.drain(drained);
  });
}

void GatewayWorker::cancel_all() {
  loop_->post([this] {
    worker_.active_calls.end_all();
    connections_.cancel_all();
    inner_connections_.cancel_all();
  });
}

void GatewayWorker::stop() noexcept { loop_->stop(); }

}  // namespace claviger::server
