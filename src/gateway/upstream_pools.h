// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/world.h"
#include "http/client_connection.h"
#include "net/buffer.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/task.h"
#include "telemetry/metrics.h"

namespace claviger::gateway {

class UpstreamPool;

// A connection to an upstream that knows its way home. Idle, it watches for the peer's close, so that a
// quiet spell does not fail the first caller after it.
class PooledConnection final : public net::Waiter {
 public:
  PooledConnection(UpstreamPool& pool, std::unique_ptr<net::Stream> stream, net::BufferPool& buffers) noexcept
      : connection(std::move(stream), buffers), pool_(pool) {}
  http::ClientConnection connection;

 private:
  friend class UpstreamPool;
  void on_wakeup(net::Wakeup why) noexcept override;
  void wait_idle(std::chrono::milliseconds limit) noexcept;
  UpstreamPool& pool_;
  bool trimmed_ = false;  // idle for a while, and without buffers since
};

struct PoolLimits {
  std::size_t connections = 256;  // in use and idle, for each worker and upstream
  std::chrono::milliseconds idle{std::chrono::seconds(50)};  // below the 60 s after which many servers close
};

// The connections of one worker to one upstream, last used first.
//
// Owns: the idle connections. Those in use belong to their call, and come back or not.
// Threads: its worker's.
class UpstreamPool {
 public:
  UpstreamPool(net::Loop& loop, net::Resolver& resolver, net::BufferPool& buffers,
               telemetry::WorkerMetrics& metrics, const PoolLimits& limits, const UpstreamRuntime& upstream);
  ~UpstreamPool();

  struct Lease {
    std::unique_ptr<PooledConnection> connection;
    bool reused = false;
  };
  // An idle connection, or a new one. `fresh`: a new one whatever is idle.
  // kUpstreamFailed, kUpstreamTimeout, kUnavailable at the limit.
  net::Task<Result<Lease>> acquire(bool fresh, std::chrono::milliseconds connect_timeout);
  // Requires: its exchange ended cleanly (ClientConnection::finish() said so).
  void give_back(std::unique_ptr<PooledConnection> connection) noexcept;
  void discard(std::unique_ptr<PooledConnection> connection) noexcept;

  // No more reuse: what is idle is closed now, what is in use when it comes back.
  void retire() noexcept;
  bool is_unused() const noexcept { return open_ == 0 && connecting_ == 0; }

 private:
  friend class PooledConnection;
  void drop_idle(PooledConnection& connection) noexcept;

  net::Loop& loop_;
  net::Resolver& resolver_;
  net::BufferPool& buffers_;
  telemetry::WorkerMetrics& metrics_;
  PoolLimits limits_;
  net::Destination destination_;
  std::shared_ptr<net::ClientTls> tls_;
  std::vector<std::unique_ptr<PooledConnection>> idle_;
  std::size_t open_ = 0;
  std::size_t connecting_ = 0;
  bool retired_ = false;
};

// The world as one worker has adopted it, with its pools. Calls hold on to the one they began with.
class AdoptedWorld {
 public:
  const World& world() const noexcept { return *world_; }
  UpstreamPool& pool(policy::UpstreamIndex index) const noexcept { return *pools_[index]; }

 private:
  friend class UpstreamPools;
  friend class WorldUse;
  std::shared_ptr<const World> world_;
  std::vector<UpstreamPool*> pools_;
  std::size_t uses_ = 0;  // not atomic: a worker's own
};

class UpstreamPools;

// Holds an adopted world for the length of a call.
class WorldUse {
 public:
  explicit WorldUse(UpstreamPools& pools) noexcept;
  ~WorldUse();
  WorldUse(const WorldUse&) = delete;
  WorldUse& operator=(const WorldUse&) = delete;
  const AdoptedWorld& operator*() const noexcept { return *adopted_; }
  const AdoptedWorld* operator->() const noexcept { return adopted_; }

 private:
  UpstreamPools& pools_;
  AdoptedWorld* adopted_;
};

// All pools of a worker, over changes of world: an upstream that stays the same keeps its connections.
class UpstreamPools {
 public:
  UpstreamPools(net::Loop& loop, net::Resolver& resolver, net::BufferPool& buffers,
                telemetry::WorkerMetrics& metrics, PoolLimits limits);
  ~UpstreamPools();

  void adopt(std::shared_ptr<const World> world);
  // Closes idle connections (drain).
  void retire_all() noexcept;

 private:
  friend class WorldUse;
  void collect() noexcept;

  net::Loop& loop_;
  net::Resolver& resolver_;
  net::BufferPool& buffers_;
  telemetry::WorkerMetrics& metrics_;
  PoolLimits limits_;
  std::unordered_map<std::string, std::unique_ptr<UpstreamPool>> pools_;
  std::vector<std::unique_ptr<UpstreamPool>> retired_;
  std::vector<std::unique_ptr<AdoptedWorld>> worlds_;  // the last is current
};

}  // namespace claviger::gateway
