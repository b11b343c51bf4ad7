// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream_pools.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace claviger::gateway {

using telemetry::Counter;
using telemetry::Gauge;

// --- One connection ------------------------------------------------------------------------------

// Whatever happens to an idle connection is its end: a close, an answer nobody asked for, or having been idle for too
// long; but for the first time-out, which only takes its buffers.
void PooledConnection::on_wakeup(net::Wakeup why) noexcept {
  if (why != net::Wakeup::kTimeout || std::exchange(trimmed_, true)) return pool_.drop_idle(*this);
  connection.stream().release_buffers();
  wait_idle(pool_.limits_.idle);
}

void PooledConnection::wait_idle(std::chrono::milliseconds limit) noexcept {
  connection.stream().set_deadline_after(limit);
  connection.stream().source().wait_as_reader(*this, net::Source::Direction::kRead);
}

// --- One pool ------------------------------------------------------------------------------------

UpstreamPool::UpstreamPool(net::Loop& loop, net::Resolver& resolver, net::BufferPool& buffers,
                           telemetry::WorkerMetrics& metrics, const PoolLimits& limits,
                           const UpstreamRuntime& upstream)
    : loop_(loop),
      resolver_(resolver),
      buffers_(buffers),
      metrics_(metrics),
      limits_(limits),
      destination_(upstream.destination),
      tls_(upstream.tls ? upstream.tls->clone() : nullptr) {
  idle_.reserve(limits_.connections);  // so that giving back never allocates
}

UpstreamPool::~UpstreamPool() { retire(); }

net::Task<Result<UpstreamPool::Lease>> UpstreamPool::acquire(bool fresh,
                                                             std::chrono::milliseconds connect_timeout) {
  while (!fresh && !idle_.empty()) {
    std::unique_ptr<PooledConnection> connection = std::move(idle_.back());
    idle_.pop_back();
    metrics_.add(Gauge::kUpstreamIdle, -1);
    connection->connection.stream().source().forget(*connection);
    if (connection->connection.is_fresh()) {
      metrics_.add(Counter::kUpstreamReused);
      co_return Lease{std::move(connection), true};
    }
    discard(std::move(connection));
  }
  if (open_ + connecting_ >= limits_.connections)
    co_return Error(Code::kUnavailable, Blame::kOperator,
                    "all connections to the upstream are in use (limits.upstream_connections)");
  ++connecting_;
  auto stream = co_await net::connect(loop_, resolver_, destination_, tls_, connect_timeout);
  --connecting_;
  if (!stream.has_value()) {
    metrics_.add(Counter::kUpstreamConnectsFailed);
    if (stream.error().blame() == Blame::kOperator) metrics_.add(Counter::kUpstreamGuardRefused);
    co_return std::move(stream).error();
  }
  metrics_.add(Counter::kUpstreamConnects);
  ++open_;
  co_return Lease{std::make_unique<PooledConnection>(*this, *std::move(stream), buffers_), false};
}

void UpstreamPool::give_back(std::unique_ptr<PooledConnection> connection) noexcept {
  if (retired_ || idle_.size() >= limits_.connections) return discard(std::move(connection));
  connection->trimmed_ = false;
  connection->wait_idle(net::kBuffersKeptIdle);
  idle_.push_back(std::move(connection));
  metrics_.add(Gauge::kUpstreamIdle, 1);
}

void UpstreamPool::discard(std::unique_ptr<PooledConnection> connection) noexcept {
  metrics_.add(Counter::kUpstreamDiscarded);
  --open_;
  connection.reset();
}

void UpstreamPool::drop_idle(PooledConnection& connection) noexcept {
  const auto found =
      std::find_if(idle_.begin(), idle_.end(), [&](const auto& each) { return each.get() == &connection; });
  CLV_CHECK(found != idle_.end());
  std::unique_ptr<PooledConnection> dropped = std::move(*found);
  idle_.erase(found);
  metrics_.add(Gauge::kUpstreamIdle, -1);
  discard(std::move(dropped));
}

void UpstreamPool::retire() noexcept {
  retired_ = true;
  while (!idle_.empty()) {
    idle_.back()->connection.stream().source().forget(*idle_.back());
    discard(std::move(idle_.back()));
    idle_.pop_back();
    metrics_.add(Gauge::kUpstreamIdle, -1);
  }
}

// --- All pools -----------------------------------------------------------------------------------

WorldUse::WorldUse(UpstreamPools& pools) noexcept : pools_(pools), adopted_(pools.worlds_.back().get()) {
  ++adopted_->uses_;
}

WorldUse::~WorldUse() {
  --adopted_->uses_;
  if (adopted_->uses_ == 0 && adopted_ != pools_.worlds_.back().get()) pools_.collect();
}

UpstreamPools::UpstreamPools(net::Loop& loop, net::Resolver& resolver, net::BufferPool& buffers,
                             telemetry::WorkerMetrics& metrics, PoolLimits limits)
    : loop_(loop), resolver_(resolver), buffers_(buffers), metrics_(metrics), limits_(limits) {}

UpstreamPools::~UpstreamPools() = default;

void UpstreamPools::adopt(std::shared_ptr<const World> world) {
  auto adopted = std::make_unique<AdoptedWorld>();
  std::unordered_map<std::string, std::unique_ptr<UpstreamPool>> kept;
  for (const UpstreamRuntime& upstream : world->upstreams) {
    auto& pool = kept[upstream.pool_key];
    if (const auto found = pools_.find(upstream.pool_key); found != pools_.end())
      pool = std::move(found->second);
    if (!pool) pool = std::make_unique<UpstreamPool>(loop_, resolver_, buffers_, metrics_, limits_, upstream);
    adopted->pools_.push_back(pool.get());
  }
  for (auto& [key, pool] : pools_) {
    if (!pool) continue;
    pool->retire();
    retired_.push_back(std::move(pool));
  }
  pools_ = std::move(kept);
  adopted->world_ = std::move(world);
  metrics_.set(Gauge::kSnapshotRevision, static_cast<std::int64_t>(adopted->world_->policy->revision()));
  metrics_.add(Counter::kSnapshotsAdopted);
  worlds_.push_back(std::move(adopted));
  collect();
}

// Frees worlds that no call holds, and pools that no world and no connection needs.
void UpstreamPools::collect() noexcept {
  const AdoptedWorld* current = worlds_.back().get();
  std::erase_if(worlds_, [&](const auto& each) { return each.get() != current && each->uses_ == 0; });
  if (worlds_.size() == 1) std::erase_if(retired_, [](const auto& pool) { return pool->is_unused(); });
}

void UpstreamPools::retire_all() noexcept {
  for (auto& [key, pool] : pools_) pool->retire();
}

}  // namespace claviger::gateway
