// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gateway/endpoint_health.h"
#include "gateway/interruption.h"
#include "gateway/upstream_book.h"
#include "gateway/world.h"
#include "http/client_connection.h"
#include "net/buffer.h"
#include "net/connector.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/task.h"
#include "telemetry/metrics.h"

namespace claviger::gateway {

class UpstreamPool;
struct PooledEndpoint;

// A connection to an upstream that knows its way home. Idle, it watches for the peer's close, so that a
// quiet spell does not fail the first caller after it.
class PooledConnection final : public net::Waiter {
 public:
  PooledConnection(UpstreamPool& pool, PooledEndpoint& endpoint, std::unique_ptr<net::Stream> stream,
                   net::BufferPool& buffers) noexcept
      : connection(std::move(stream), buffers), pool_(pool), endpoint_(endpoint) {}
  http::ClientConnection connection;

 private:
  friend class UpstreamPool;
  void on_wakeup(net::Wakeup why) noexcept override;
  void wait_idle(std::chrono::milliseconds limit) noexcept;
  UpstreamPool& pool_;
  PooledEndpoint& endpoint_;
  bool trimmed_ = false;  // idle for a while, and without buffers since
};

// One base URL of an upstream, as one worker's pool has it.
struct PooledEndpoint {
  std::size_t number = 0;  // in the order written
  const UpstreamEndpoint* settings = nullptr;
  std::shared_ptr<net::ClientTls> tls;  // null for http
  using Idle = std::vector<std::unique_ptr<PooledConnection>>;
  Idle idle;  // last used last
  std::size_t in_flight = 0;  // calls
  EndpointHealth health;
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
  UpstreamBook* book = nullptr;  // null: nobody wants to know
};

// What became of a call so far: each endpoint is tried once, and once more where a pooled connection was stale; but
// bytes of it leave twice at most, so that one that brings down whoever reads it does not bring down all.
struct Attempts {
  std::bitset<policy::kMaxBaseUrls> tried;  // endpoints that failed it
  bool fresh = false;  // a pooled connection was stale: no other is tried
  std::bitset<policy::kMaxBaseUrls> stale;  // whose pooled connection was: others are asked first
  bool sent = false;  // bytes of it left, and nothing came of them
  unsigned retries = 0;
  Monotonic hurry = Monotonic::max();  // from then on endpoints that are out are left out
};

// The connections of one worker to one upstream, or of one credential to it: which of its addresses a call goes to, and on which connection.
//
// A call goes where the fewest are under way from this worker, in turn where that is the same; to addresses that are out
// (EndpointHealth) only when no other is left, soonest due for a trial first: no call is refused because of health alone.
//
// Owns: the idle connections. Those in use belong to their lease, and come back or not.
// Threads: its worker's.
class UpstreamPool {
 public:
  // `own`: the credential that its connections are for, where that has some of its own.
  // Requires: `surroundings` outlives it; `upstream` has endpoints, each https if and only if it says how to verify it.
  UpstreamPool(const PoolSurroundings& surroundings, const UpstreamRuntime& upstream,
               const ReadyCredential* own = nullptr);
  ~UpstreamPool();
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  // One attempt of a call: a connection, and what its endpoint is told of how it went. Ends when it goes; the connection is
  // closed then, unless it was given back.
  // Requires: the pool outlives it.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    http::ClientConnection& connection() const noexcept { return connection_->connection; }
    const std::string& authority() const noexcept { return endpoint_->settings->authority; }
    std::size_t endpoint() const noexcept { return endpoint_->number; }
    bool is_reused() const noexcept { return is_reused_; }  // from the pool
    // The head of the final answer is there.
    void answered(unsigned status) noexcept;
    // It came to nothing, and not for the caller's or our own doing.
    void failed(UpstreamCount how) noexcept;
    // Requires: its exchange ended cleanly (ClientConnection::finish() said so).
    void give_back() noexcept;

   private:
    friend class UpstreamPool;
    Lease(UpstreamPool& pool, PooledEndpoint& endpoint) noexcept;
    UpstreamPool* pool_;  // null once moved from
    PooledEndpoint* endpoint_;
    std::unique_ptr<PooledConnection> connection_;
    bool is_reused_ = false;
    bool is_trial_ = false;
    bool was_answered_ = false;
  };

  // A connection to the endpoint that is the call's turn: an idle one, or new. Where none can be made, to the next, as long as one
  // is left.
  // kUpstreamFailed or kUpstreamTimeout, of the last that was tried; kUnavailable at the limit; kCancelled when interrupted:
  // the connection in the making is then the pool's.
  // Requires: pool, `attempts` and `interruption` outlive the task.
  net::Task<Result<Lease>> acquire(Attempts& attempts, net::ConnectLimits limits, Interruption& interruption);
  // Whether acquire() has an endpoint left for it.
  bool has_another(const Attempts& attempts) const noexcept;
  void count_retry(Attempts& attempts) noexcept;
  // Whether calls have all of its connections but a quarter: those are for who has less than a share.
  bool is_scarce() const noexcept;
  // Half of the connections, with which one caller has its share of them.
  std::size_t share() const noexcept { return (around_.limits.connections + 1) / 2; }

  // No more reuse: what is idle is closed now, what is in use when it comes back.
  void retire() noexcept;
  // UpstreamRuntime::pool_key of what it was made for, or ReadyCredential::pool_key.
  const std::string& key() const noexcept { return key_; }
  UpstreamStats& stats() noexcept { return stats_; }

 private:
  friend class PooledConnection;
  class Asker;
  struct Opening;
  struct Rank;
  bool is_full() const noexcept { return open_ + openings_.size() >= around_.limits.connections; }
  Rank rank(const PooledEndpoint& endpoint, const Attempts& attempts) const noexcept;
  PooledEndpoint* choose(const Attempts& attempts) noexcept;
  bool make_room() noexcept;
  std::unique_ptr<PooledConnection> take_idle(PooledEndpoint& endpoint) noexcept;
  // Out of the pool, and watched for nothing any more.
  std::unique_ptr<PooledConnection> pop_idle(PooledEndpoint::Idle& idle,
                                             PooledEndpoint::Idle::iterator which) noexcept;
  net::Task<void> open(PooledEndpoint& endpoint, Asker& asker, net::ConnectLimits limits);
  void opened(Opening& opening, Result<std::unique_ptr<net::Stream>> stream) noexcept;
  void could_not_open(const Opening& opening, const Error& error) noexcept;
  void keep(std::unique_ptr<PooledConnection> connection) noexcept;
  void discard(std::unique_ptr<PooledConnection> connection) noexcept;
  void drop_idle(PooledConnection& connection) noexcept;
  void count_idle(int by) noexcept;
  void note(PooledEndpoint& endpoint, bool success) noexcept;

  const PoolSurroundings& around_;
  std::string key_;
  std::shared_ptr<const std::vector<UpstreamEndpoint>> settings_;
  std::vector<PooledEndpoint> endpoints_;  // never grows: connections point into it
  std::vector<Opening*> openings_;
  std::size_t open_ = 0;
  std::size_t in_flight_ = 0;  // calls, to all endpoints
  std::size_t turn_ = 0;  // of the endpoints that are equally good
  bool retired_ = false;
  UpstreamStats stats_;
};

}  // namespace claviger::gateway
