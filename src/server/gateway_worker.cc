// SPDX-License-Identifier: Apache-2.0
#include "server/gateway_worker.h"

#include <pthread.h>
#include <signal.h>

#include <string>

namespace claviger::server {
namespace {

constexpr auto kHousekeeping = std::chrono::seconds(1);

}  // namespace

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
              context.audit_log != nullptr ? &context.audit_log->make_lane() : nullptr,
              gateway::FailureLog(context.log),
              std::move(opener),
              crypto::Sha256(),
              gateway::RequestIds(),
              gateway::SecretScratchPool(context.key.arena()),
              gateway::UpstreamPools(*loop_, *resolver_, buffers_, metrics_,
                                     {context.config.upstream_connections, context.config.upstream_idle}),
              context.shared,
              {}},
      door_(worker_),
      connections_(*loop_, buffers_, metrics_, door_,
                   {context.config.limits, context.open_connections, context.config.connections}),
      housekeeping_(*loop_) {}

GatewayWorker::~GatewayWorker() {
  stop();
  if (thread_.joinable()) thread_.join();
}

Result<void> GatewayWorker::listen(int listening_fd, std::shared_ptr<const net::ServerTls> tls) {
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

void GatewayWorker::use(std::shared_ptr<const net::ServerTls> tls) {
  loop_->post([this, tls = std::move(tls)] { connections_.use(tls); });
}

void GatewayWorker::drain(std::function<void()> drained) {
  loop_->post([this, drained = std::move(drained)] {
    worker_.pools.retire_all();
    connections_.drain(drained);
  });
}

void GatewayWorker::cancel_all() {
  loop_->post([this] { connections_.cancel_all(); });
}

void GatewayWorker::stop() noexcept { loop_->stop(); }

}  // namespace claviger::server
