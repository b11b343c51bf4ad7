// SPDX-License-Identifier: Apache-2.0
#include "gateway/upstream_pool.h"

#include <algorithm>
#include <compare>
#include <coroutine>
#include <optional>
#include <utility>

#include "base/check.h"

namespace claviger::gateway {

using telemetry::Counter;
using telemetry::Gauge;

namespace {

UpstreamCount answers_of(unsigned status) noexcept {
  if (status < 300) return UpstreamCount::kAnswers2xx;
  if (status < 400) return UpstreamCount::kAnswers3xx;
  return status < 500 ? UpstreamCount::kAnswers4xx : UpstreamCount::kAnswers5xx;
}

}  // namespace

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
  PooledEndpoint& endpoint;
  Asker* asker;  // null once nobody waits
  bool is_connected = false;  // what fails then is TLS
};

// Whoever waits for it.
class UpstreamPool::Asker final : public Interruptible {
 public:
  using Answer = Result<std::unique_ptr<PooledConnection>>;

  explicit Asker(Interruption& interruption) noexcept : interruption_(interruption) {}
  ~Asker() { give_up(); }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  void wait_for(Opening& opening) noexcept { opening_ = &opening; }
  void answer(Answer answer) noexcept {
    opening_ = nullptr;
    answer_.emplace(std::move(answer));
    if (handle_) std::exchange(handle_, nullptr).resume();
  }

  bool await_ready() const noexcept { return answer_.has_value(); }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    interruption_.waits_in(this);
  }
  Answer await_resume() noexcept {
    interruption_.waits_in(nullptr);
    return *std::move(answer_);
  }

 private:
  void interrupt(Interrupted) noexcept override {
    give_up();
    answer(Error(Code::kCancelled, Blame::kGateway, "gave up waiting for a connection"));
  }
  void give_up() noexcept {
    if (opening_ != nullptr) std::exchange(opening_, nullptr)->asker = nullptr;
  }

  Interruption& interruption_;
  Opening* opening_ = nullptr;
  std::optional<Answer> answer_;
  std::coroutine_handle<> handle_;
};

net::Task<void> UpstreamPool::open(PooledEndpoint& endpoint, Asker& asker, net::ConnectLimits limits) {
  Opening opening{this, endpoint, &asker};
  asker.wait_for(opening);
  openings_.push_back(&opening);
  const auto settings = settings_;  // to the end of this, whatever becomes of the pool
  const net::Destination& destination = endpoint.settings->destination;
  auto stream = co_await net::connect(around_.loop, around_.resolver, destination, endpoint.tls, limits,
                                      &opening.is_connected);
  if (opening.pool != nullptr) opening.pool->opened(opening, std::move(stream));
}

void UpstreamPool::opened(Opening& opening, Result<std::unique_ptr<net::Stream>> stream) noexcept {
  std::erase(openings_, &opening);
  if (!stream.has_value()) {
    could_not_open(opening, stream.error());
    if (opening.asker != nullptr) opening.asker->answer(std::move(stream).error());
    return;
  }
  around_.metrics.add(Counter::kUpstreamConnects);
  ++open_;
  auto connection =
      std::make_unique<PooledConnection>(*this, opening.endpoint, *std::move(stream), around_.buffers);
  if (opening.asker != nullptr) opening.asker->answer(std::move(connection));
  else keep(std::move(connection));  // as good as any, and the next caller's
}

// What this machine could not do is not held against the endpoint.
void UpstreamPool::could_not_open(const Opening& opening, const Error& error) noexcept {
  around_.metrics.add(Counter::kUpstreamConnectsFailed);
  if (error.blame() == Blame::kOperator) around_.metrics.add(Counter::kUpstreamGuardRefused);
  if (error.code() == Code::kUnavailable) return;
  stats_.add(opening.is_connected ? UpstreamCount::kFailedTls : UpstreamCount::kFailedConnect);
  note(opening.endpoint, false);
}

// --- An attempt ----------------------------------------------------------------------------------

UpstreamPool::Lease::Lease(UpstreamPool& pool, PooledEndpoint& endpoint) noexcept
    : pool_(&pool), endpoint_(&endpoint), is_trial_(endpoint.health.begin_call(pool.around_.loop.now())) {
  ++endpoint.in_flight;
  ++pool.in_flight_;
  pool.stats_.add_in_use(1);
}

UpstreamPool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      endpoint_(other.endpoint_),
      connection_(std::move(other.connection_)),
      is_reused_(other.is_reused_),
      is_trial_(other.is_trial_),
      was_answered_(other.was_answered_) {}

UpstreamPool::Lease::~Lease() {
  if (pool_ == nullptr) return;
  if (is_trial_) endpoint_->health.end_trial();
  --endpoint_->in_flight;
  --pool_->in_flight_;
  pool_->stats_.add_in_use(-1);
  if (connection_) pool_->discard(std::move(connection_));
}

void UpstreamPool::Lease::answered(unsigned status) noexcept {
  was_answered_ = true;
  pool_->stats_.add(answers_of(status));
  pool_->note(*endpoint_, true);
}

void UpstreamPool::Lease::failed(UpstreamCount how) noexcept {
  // A connection that was closed while it waited says nothing of who is at the other end.
  if (is_reused_ && how == UpstreamCount::kFailedClosed) return;
  pool_->stats_.add(how);
  if (!was_answered_) pool_->note(*endpoint_, false);
}

void UpstreamPool::Lease::give_back() noexcept { pool_->keep(std::move(connection_)); }

// --- The pool ------------------------------------------------------------------------------------

namespace {

std::vector<std::string> authorities(const UpstreamRuntime& upstream) {
  std::vector<std::string> all;
  for (const UpstreamEndpoint& endpoint : *upstream.endpoints) all.push_back(endpoint.authority);
  return all;
}

}  // namespace

UpstreamPool::UpstreamPool(const PoolSurroundings& surroundings, const UpstreamRuntime& upstream,
                           const ReadyCredential* own)
    : around_(surroundings),
      key_(own != nullptr ? own->pool_key : upstream.pool_key),
      settings_(own != nullptr ? own->endpoints : upstream.endpoints),
      endpoints_(settings_->size()),
      stats_(surroundings.book, upstream.resource->name, authorities(upstream)) {
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    const UpstreamEndpoint& settings = (*settings_)[i];
    CLV_CHECK((settings.tls != nullptr) == upstream.resource->base_url.tls);
    endpoints_[i].number = i;
    endpoints_[i].settings = &settings;
    endpoints_[i].tls = settings.tls ? settings.tls->clone() : nullptr;
  }
}

UpstreamPool::~UpstreamPool() {
  for (Opening* opening : openings_) opening->pool = nullptr;
  retire();
}

// What speaks for an endpoint, in the order in which it counts; less is better.
struct UpstreamPool::Rank {
  bool is_out;
  Monotonic until;  // of one that is out
  bool was_stale;  // and the call is sent to one more at most
  bool has_no_room;  // for another connection, nor one that is idle
  std::size_t in_flight;
  auto operator<=>(const Rank&) const = default;
};

UpstreamPool::Rank UpstreamPool::rank(const PooledEndpoint& endpoint,
                                      const Attempts& attempts) const noexcept {
  const bool is_out = !endpoint.health.takes_calls(around_.loop.now());
  return {.is_out = is_out,
          .until = is_out ? endpoint.health.until() : Monotonic(),
          .was_stale = attempts.stale[endpoint.number],
          .has_no_room = !attempts.fresh && endpoint.idle.empty() && is_full(),
          .in_flight = endpoint.in_flight};
}

bool UpstreamPool::has_another(const Attempts& attempts) const noexcept {
  const Monotonic now = around_.loop.now();
  return std::ranges::any_of(endpoints_, [&](const PooledEndpoint& each) {
    return !attempts.tried[each.number] && (now < attempts.hurry || each.health.takes_calls(now));
  });
}

PooledEndpoint* UpstreamPool::choose(const Attempts& attempts) noexcept {
  if (endpoints_.size() == 1) return attempts.tried[0] ? nullptr : endpoints_.data();
  PooledEndpoint* best = nullptr;
  Rank best_rank{};
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    PooledEndpoint& each = endpoints_[(turn_ + i) % endpoints_.size()];
    if (attempts.tried[each.number]) continue;
    const Rank its = rank(each, attempts);
    if (its.is_out && around_.loop.now() >= attempts.hurry) continue;
    if (best != nullptr && its >= best_rank) continue;
    best = &each;
    best_rank = its;
  }
  if (best != nullptr) turn_ = best->number + 1;
  return best;
}

// Where all connections are open, and one of them is idle that the call cannot use: it gives way.
bool UpstreamPool::make_room() noexcept {
  if (!is_full()) return true;
  const auto with_idle =
      std::ranges::find_if(endpoints_, [](const PooledEndpoint& each) { return !each.idle.empty(); });
  if (with_idle == endpoints_.end()) return false;
  discard(pop_idle(with_idle->idle, with_idle->idle.begin()));  // the one used longest ago
  return true;
}

std::unique_ptr<PooledConnection> UpstreamPool::pop_idle(PooledEndpoint::Idle& idle,
                                                         PooledEndpoint::Idle::iterator which) noexcept {
  std::unique_ptr<PooledConnection> connection = std::move(*which);
  idle.erase(which);
  count_idle(-1);
  connection->connection.stream().source().forget(*connection);
  return connection;
}

std::unique_ptr<PooledConnection> UpstreamPool::take_idle(PooledEndpoint& endpoint) noexcept {
  while (!endpoint.idle.empty()) {
    auto connection = pop_idle(endpoint.idle, endpoint.idle.end() - 1);
    if (connection->connection.is_fresh()) return connection;
    discard(std::move(connection));
  }
  return nullptr;
}

net::Task<Result<UpstreamPool::Lease>> UpstreamPool::acquire(Attempts& attempts, net::ConnectLimits limits,
                                                             Interruption& interruption) {
  if (attempts.hurry == Monotonic::max()) attempts.hurry = around_.loop.now() + limits.all;
  for (;;) {
    PooledEndpoint* endpoint = choose(attempts);
    CLV_CHECK(endpoint != nullptr);
    Lease lease(*this, *endpoint);
    if (!attempts.fresh) lease.connection_ = take_idle(*endpoint);
    if (lease.connection_) {
      around_.metrics.add(Counter::kUpstreamReused);
      lease.is_reused_ = true;
      co_return lease;
    }
    if (!make_room()) {
      around_.metrics.add(Counter::kLimitUpstreamConnections);
      co_return Error(Code::kUnavailable, Blame::kOperator,
                      "all connections to the upstream are in use (limits.upstream_connections)");
    }
    Asker asker(interruption);
    net::spawn(open(*endpoint, asker, limits));
    auto opened = co_await asker;
    if (opened.has_value()) {
      lease.connection_ = *std::move(opened);
      co_return lease;
    }
    attempts.tried.set(endpoint->number);
    const Code code = opened.error().code();
    if (code == Code::kCancelled || code == Code::kUnavailable || !has_another(attempts))
      co_return std::move(opened).error();
    count_retry(attempts);
  }
}

void UpstreamPool::count_retry(Attempts& attempts) noexcept {
  ++attempts.retries;
  stats_.add(UpstreamCount::kRetries);
}

// Of fewer than four connections there is no quarter to keep.
bool UpstreamPool::is_scarce() const noexcept {
  const std::size_t kept = around_.limits.connections / 4;
  return kept > 0 && in_flight_ + kept >= around_.limits.connections;
}

void UpstreamPool::note(PooledEndpoint& endpoint, bool success) noexcept {
  const bool was_up = endpoint.health.is_up();
  if (success) endpoint.health.succeeded();
  else endpoint.health.failed(around_.loop.now());
  if (endpoint.health.is_up() != was_up) stats_.set_up(endpoint.number, !was_up);
}

void UpstreamPool::count_idle(int by) noexcept {
  around_.metrics.add(Gauge::kUpstreamIdle, by);
  stats_.add_idle(by);
}

void UpstreamPool::keep(std::unique_ptr<PooledConnection> connection) noexcept {
  auto& idle = connection->endpoint_.idle;
  if (retired_ || open_ > around_.limits.connections) return discard(std::move(connection));
  connection->trimmed_ = false;
  connection->wait_idle(net::kBuffersKeptIdle);
  idle.push_back(std::move(connection));
  count_idle(1);
}

void UpstreamPool::discard(std::unique_ptr<PooledConnection> connection) noexcept {
  around_.metrics.add(Counter::kUpstreamDiscarded);
  --open_;
  connection.reset();
}

void UpstreamPool::drop_idle(PooledConnection& connection) noexcept {
  auto& idle = connection.endpoint_.idle;
  const auto found =
      std::find_if(idle.begin(), idle.end(), [&](const auto& each) { return each.get() == &connection; });
  CLV_CHECK(found != idle.end());
  discard(pop_idle(idle, found));
}

void UpstreamPool::retire() noexcept {
  retired_ = true;
  stats_.retire();
  for (PooledEndpoint& endpoint : endpoints_) {
    while (!endpoint.idle.empty()) discard(pop_idle(endpoint.idle, endpoint.idle.end() - 1));
    endpoint.idle.shrink_to_fit();
  }
}

}  // namespace claviger::gateway
