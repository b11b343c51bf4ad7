// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gateway/interruption.h"
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

// What the pools of a worker have in common.
struct PoolSurroundings {
  net::Loop& loop;
  net::Resolver& resolver;
  net::BufferPool& buffers;
  telemetry::WorkerMetrics& metrics;
  PoolLimits limits;
};

// The connections of one worker to one upstream, last used first.
//
// Owns: the idle connections. Those in use belong to their call, and come back or not.
// Threads: its worker's.
class UpstreamPool {
 public:
  // Requires: `surroundings` outlives it; `upstream` is https if and only if it says how to verify it.
  UpstreamPool(const PoolSurroundings& surroundings, const UpstreamRuntime& upstream);
  ~UpstreamPool();
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  struct Lease {
    std::unique_ptr<PooledConnection> connection;
    bool reused = false;
  };
  // An idle connection, or a new one. `fresh`: a new one whatever is idle.
  // kUpstreamFailed, kUpstreamTimeout, kUnavailable at the limit; kCancelled when interrupted: the connection in the
  // making is then the pool's.
  // Requires: pool and `interruption` outlive the task.
  net::Task<Result<Lease>> acquire(bool fresh, std::chrono::milliseconds connect_timeout,
                                   Interruption& interruption);
  // Requires: its exchange ended cleanly (ClientConnection::finish() said so).
  void give_back(std::unique_ptr<PooledConnection> connection) noexcept;
  void discard(std::unique_ptr<PooledConnection> connection) noexcept;

  // No more reuse: what is idle is closed now, what is in use when it comes back.
  void retire() noexcept;
  // UpstreamRuntime::pool_key of what it was made for.
  const std::string& key() const noexcept { return key_; }

 private:
  friend class PooledConnection;
  class Asker;
  struct Opening;
  std::unique_ptr<PooledConnection> take_idle() noexcept;
  net::Task<void> open(Asker& asker, std::chrono::milliseconds connect_timeout);
  void opened(Opening& opening, Result<std::unique_ptr<net::Stream>> stream) noexcept;
  void drop_idle(PooledConnection& connection) noexcept;

  const PoolSurroundings& around_;
  std::string key_;
  std::shared_ptr<const net::Destination> destination_;
  std::shared_ptr<net::ClientTls> tls_;
  std::vector<std::unique_ptr<PooledConnection>> idle_;
  std::vector<Opening*> openings_;
  std::size_t open_ = 0;
  bool retired_ = false;
};

}  // namespace claviger::gateway
