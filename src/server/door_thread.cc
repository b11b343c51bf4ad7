// SPDX-License-Identifier: Apache-2.0
#include "server/door_thread.h"

#include <pthread.h>
#include <signal.h>

#include <map>
#include <utility>

#include "net/listener.h"

namespace claviger::server {
namespace {

using doors::externaldns::DoorServices;

constexpr auto kHousekeeping = std::chrono::seconds(1);
constexpr auto kLastTurns = std::chrono::seconds(1);
// One ExternalDNS has one connection, or two; probes come and go.
constexpr Admission::Most kMostCallers{.known = 64, .strangers = 64};

// Bodies are bounded by the door, which has to read on to be heard. Go's client keeps a connection for 90 s.
std::shared_ptr<const http::ServerLimits> webhook_limits() {
  http::ServerLimits limits;
  limits.head_timeout = limits.body_idle_timeout = std::chrono::seconds(10);
  limits.idle_timeout = std::chrono::minutes(3);
  return std::make_shared<const http::ServerLimits>(limits);
}

std::shared_ptr<const http::ServerLimits> probe_limits() {
  http::ServerLimits limits;
  limits.body = 0;
  limits.head_timeout = limits.body_idle_timeout = std::chrono::seconds(10);
  return std::make_shared<const http::ServerLimits>(limits);
}

}  // namespace

Result<std::unique_ptr<DoorThread>> DoorThread::create(const DoorConfig& config, const DoorContext& context) {
  auto loop = CLV_TRY(net::Loop::create(context.clock));
  std::unique_ptr<DoorThread> door(new DoorThread(config, context, std::move(loop)));
  const auto listening = door->listen(config, context);
  if (!listening.has_value()) return listening.error().within("door " + config.name);
  return door;
}

DoorThread::DoorThread(const DoorConfig& config, const DoorContext& context, std::unique_ptr<net::Loop> loop)
    : caller_(std::make_shared<const gateway::DoorCaller>(config.name, config.principal)),
      context_(context),
      upstreams_(config.dns.upstreams),
      loop_(std::move(loop)),
      lane_(context.audit_log != nullptr ? &context.audit_log->make_lane() : nullptr),
      calls_(*loop_, buffers_, [this] { return connect(); }),
      door_(DoorServices{.name = config.name,
                         .principal = config.principal,
                         .is_on_loopback = net::is_loopback(config.listen.address),
                         .loop = *loop_,
                         .calls = calls_,
                         .stats = stats_,
                         .log = context.log,
                         .is_shedding = [&sheds = context.sheds] { return sheds.load(std::memory_order_relaxed); },
                         .may_record = lane_ == nullptr ? std::function<bool()>()
                                                        : [this] { return lane_->has_room(loop_->now()); },
                         .append = lane_ == nullptr ? std::function<void(audit::Event)>()
                                                    : [this](audit::Event event) {
                                                        lane_->append(std::move(event).text());
                                                        metrics_.add(telemetry::Counter::kAuditEvents);
                                                      }},
            config.dns),
      admission_(kMostCallers),
      health_admission_(kMostCallers),
      connections_(*loop_, buffers_, metrics_, door_,
                   {webhook_limits(), admission_, Connections::Yields::kStrangersAndIdle}),
      housekeeping_(*loop_),
      draining_(*loop_) {
  loop_->count_in(&metrics_);
}

Result<void> DoorThread::listen(const DoorConfig& config, const DoorContext& context) {
  const net::ListeningSocket socket = CLV_TRY(net::listen_on(config.listen, false));
  listeners_.push_back(socket.bound);
  CLV_TRY_VOID(connections_.listen(socket.fd, nullptr));
  if (!config.health) return ok();
  const net::ListeningSocket probes = CLV_TRY(net::listen_on(*config.health, false));
  listeners_.push_back(probes.bound);
  health_door_.emplace(doors::externaldns::HealthServices{
      .is_on_loopback = net::is_loopback(config.health->address),
      .is_alive = [this] { return stats_.is_alive(context_.clock.monotonic()); },
      .why_not_ready = [this] { return why_not_ready(); },
      .metrics = context_.metrics_page});
  health_.emplace(
      context.control, context.buffers, context.metrics, *health_door_,
      Connections::Options{probe_limits(), health_admission_, Connections::Yields::kStrangersAndIdle});
  return health_->listen(probes.fd, nullptr);
}

// What waits is ended, and comes to its end: nothing is left in the middle.
DoorThread::~DoorThread() {
  loop_->stop();
  if (thread_.joinable()) thread_.join();
  end_calls();
  connections_.cancel_all();
  const Monotonic latest = context_.clock.monotonic() + kLastTurns;
  while (!is_idle() && context_.clock.monotonic() < latest) loop_->turn(std::chrono::milliseconds(10));
  if (health_) health_->cancel_all();
}

void DoorThread::start() {
  stats_.beat(context_.clock.monotonic());
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("clv-" + caller_->door).substr(0, 15).c_str());
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    keep_house();
    loop_->run();
  });
}

void DoorThread::keep_house() {
  stats_.beat(context_.clock.monotonic());
  door_.look_after();
  metrics_.set(telemetry::Gauge::kFramePoolBytes, static_cast<std::int64_t>(loop_->frames().bytes()));
  metrics_.set(telemetry::Gauge::kBufferPoolBytes, static_cast<std::int64_t>(buffers_.bytes()));
  housekeeping_.start(kHousekeeping, [this] { keep_house(); });
}

Result<int> DoorThread::connect() const {
  const InnerPair pair = CLV_TRY(make_inner_pair());
  context_.connect(pair.worker, caller_);
  return pair.door->take();
}

std::string DoorThread::why_not_ready() const {
  std::string why_not = context_.why_not_ready();
  return why_not.empty() ? stats_.why_not_ready() : why_not;
}

void DoorThread::adopt(const gateway::World& world) {
  std::map<std::string, std::string, std::less<>> mounts;
  for (const std::string& name : upstreams_) {
    const auto index = world.policy->find_upstream(name);
    if (index) mounts[name] = world.policy->upstreams()[*index]->resource.mount;
  }
  // What is posted before the loop runs comes after the first connections.
  if (!thread_.joinable()) return calls_.use(std::move(mounts));
  loop_->post([this, mounts = std::move(mounts)] { calls_.use(mounts); });
}

void DoorThread::use(const doors::externaldns::ProviderOptions& options) {
  upstreams_ = options.upstreams;
  loop_->post([this, options] { door_.use(options); });
}

void DoorThread::drain(std::function<void()> drained) {
  loop_->post([this, drained = std::move(drained)] {
    connections_.drain([this, drained] {
      end_calls();
      tell_once_idle(drained);
    });
  });
}

void DoorThread::cancel_all() {
  loop_->post([this] {
    end_calls();
    connections_.cancel_all();
  });
}

// The door asks nobody any more, and nobody for it.
void DoorThread::end_calls() noexcept {
  door_.stop();
  calls_.stop();
}

void DoorThread::tell_once_idle(std::function<void()> drained) {
  if (door_.is_idle()) return context_.control.post(std::move(drained));
  draining_.start(std::chrono::milliseconds(10),
                  [this, drained = std::move(drained)] { tell_once_idle(drained); });
}

}  // namespace claviger::server
