// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream_pool.h"

#include <algorithm>
#include <coroutine>
#include <optional>
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
  wait_idle(pool_.around_.limits.idle);
}

void PooledConnection::wait_idle(std::chrono::milliseconds limit) noexcept {
  connection.stream().set_deadline_after(limit);
  connection.stream().source().wait_as_reader(*this, net::Source::Direction::kRead);
}

// --- A connection in the making ------------------------------------------------------------------

// It goes on by itself: whoever asked may stop waiting, and the pool may go.
struct UpstreamPool::Opening {
  UpstreamPool* pool;  // null once it is gone
  Asker* asker;  // null once nobody waits
};

// Whoever waits for it.
class UpstreamPool::Asker final : public Interruptible {
 public:
  explicit Asker(Interruption& interruption) noexcept : interruption_(interruption) {}
  ~Asker() { give_up(); }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  void wait_for(Opening& opening) noexcept { opening_ = &opening; }
  void answer(Result<Lease> lease) noexcept {
    opening_ = nullptr;
    answer_.emplace(std::move(lease));
    if (handle_) std::exchange(handle_, nullptr).resume();
  }

  bool await_ready() const noexcept { return answer_.has_value(); }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    interruption_.waits_in(this);
  }
  Result<Lease> await_resume() noexcept {
    interruption_.waits_in(nullptr);
    return *std::move(answer_);
  }

 private:
  void interrupt() noexcept override {
    give_up();
    answer(Error(Code::kCancelled, Blame::kGateway, "gave up waiting for a connection"));
  }
  void give_up() noexcept {
    if (opening_ != nullptr) std::exchange(opening_, nullptr)->asker = nullptr;
  }

  Interruption& interruption_;
  Opening* opening_ = nullptr;
  std::optional<Result<Lease>> answer_;
  std::coroutine_handle<> handle_;
};

net::Task<void> UpstreamPool::open(Asker& asker, std::chrono::milliseconds connect_timeout) {
  Opening opening{this, &asker};
  asker.wait_for(opening);
  openings_.push_back(&opening);
  const std::shared_ptr<const net::Destination> destination = destination_;
  auto stream = co_await net::connect(around_.loop, around_.resolver, *destination, tls_, connect_timeout);
  if (opening.pool != nullptr) opening.pool->opened(opening, std::move(stream));
}

void UpstreamPool::opened(Opening& opening, Result<std::unique_ptr<net::Stream>> stream) noexcept {
  std::erase(openings_, &opening);
  if (!stream.has_value()) {
    around_.metrics.add(Counter::kUpstreamConnectsFailed);
    if (stream.error().blame() == Blame::kOperator) around_.metrics.add(Counter::kUpstreamGuardRefused);
    if (opening.asker != nullptr) opening.asker->answer(std::move(stream).error());
    return;
  }
  around_.metrics.add(Counter::kUpstreamConnects);
  ++open_;
  auto connection = std::make_unique<PooledConnection>(*this, *std::move(stream), around_.buffers);
  if (opening.asker != nullptr) opening.asker->answer(Lease{std::move(connection), false});
  else give_back(std::move(connection));  // as good as any, and the next caller's
}

// --- The pool ------------------------------------------------------------------------------------

UpstreamPool::UpstreamPool(const PoolSurroundings& surroundings, const UpstreamRuntime& upstream)
    : around_(surroundings),
      key_(upstream.pool_key),
      destination_(std::make_shared<const net::Destination>(upstream.destination)),
      tls_(upstream.tls ? upstream.tls->clone() : nullptr) {
  CLV_CHECK((tls_ != nullptr) == upstream.resource->base_url.tls);
  idle_.reserve(around_.limits.connections);  // so that giving back never allocates
}

UpstreamPool::~UpstreamPool() {
  for (Opening* opening : openings_) opening->pool = nullptr;
  retire();
}

std::unique_ptr<PooledConnection> UpstreamPool::take_idle() noexcept {
  while (!idle_.empty()) {
    std::unique_ptr<PooledConnection> connection = std::move(idle_.back());
    idle_.pop_back();
    around_.metrics.add(Gauge::kUpstreamIdle, -1);
    connection->connection.stream().source().forget(*connection);
    if (connection->connection.is_fresh()) return connection;
    discard(std::move(connection));
  }
  return nullptr;
}

net::Task<Result<UpstreamPool::Lease>> UpstreamPool::acquire(bool fresh,
                                                             std::chrono::milliseconds connect_timeout,
                                                             Interruption& interruption) {
  if (!fresh) {
    if (auto connection = take_idle(); connection != nullptr) {
      around_.metrics.add(Counter::kUpstreamReused);
      co_return Lease{std::move(connection), true};
    }
  }
  if (open_ + openings_.size() >= around_.limits.connections)
    co_return Error(Code::kUnavailable, Blame::kOperator,
                    "all connections to the upstream are in use (limits.upstream_connections)");
  Asker asker(interruption);
  net::spawn(open(asker, connect_timeout));
  co_return co_await asker;
}

void UpstreamPool::give_back(std::unique_ptr<PooledConnection> connection) noexcept {
  if (retired_ || idle_.size() >= around_.limits.connections) return discard(std::move(connection));
  connection->trimmed_ = false;
  connection->wait_idle(net::kBuffersKeptIdle);
  idle_.push_back(std::move(connection));
  around_.metrics.add(Gauge::kUpstreamIdle, 1);
}

void UpstreamPool::discard(std::unique_ptr<PooledConnection> connection) noexcept {
  around_.metrics.add(Counter::kUpstreamDiscarded);
  --open_;
  connection.reset();
}

void UpstreamPool::drop_idle(PooledConnection& connection) noexcept {
  const auto found =
      std::find_if(idle_.begin(), idle_.end(), [&](const auto& each) { return each.get() == &connection; });
  CLV_CHECK(found != idle_.end());
  std::unique_ptr<PooledConnection> dropped = std::move(*found);
  idle_.erase(found);
  around_.metrics.add(Gauge::kUpstreamIdle, -1);
  discard(std::move(dropped));
}

void UpstreamPool::retire() noexcept {
  retired_ = true;
  while (!idle_.empty()) {
    idle_.back()->connection.stream().source().forget(*idle_.back());
    discard(std::move(idle_.back()));
    idle_.pop_back();
    around_.metrics.add(Gauge::kUpstreamIdle, -1);
  }
  idle_.shrink_to_fit();
}

}  // namespace claviger::gateway
