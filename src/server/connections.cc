// SPDX-License-Identifier: Apache-2.0
#include "server/connections.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace claviger::server {

using telemetry::Counter;
using telemetry::Gauge;

Connections::Connections(net::Loop& loop, net::BufferPool& buffers, telemetry::WorkerMetrics& metrics,
                         http::Handler& door, Options options)
    : loop_(loop), buffers_(buffers), metrics_(metrics), door_(door), options_(options) {}

Connections::~Connections() = default;

Result<void> Connections::listen(int listening_fd, std::shared_ptr<const net::ServerTls> tls) {
  tls_ = std::move(tls);
  acceptor_ = CLV_TRY(net::Acceptor::create(
      loop_, listening_fd, [this](int fd, const net::Endpoint& peer) { on_accept(fd, peer); }));
  return ok();
}

// True when an idle connection was ended in favour of a new one.
bool Connections::make_room() noexcept {
  if (!options_.evicts_idle) return false;
  const auto idle =
      std::ranges::find_if(connections_, [](const auto& each) { return each.second->is_idle(); });
  if (idle == connections_.end()) return false;
  idle->second->stop_when_idle();
  return true;
}

void Connections::on_accept(int fd, const net::Endpoint& peer) {
  if (options_.open_in_process.fetch_add(1, std::memory_order_relaxed) >= options_.most_in_process &&
      !make_room()) {
    options_.open_in_process.fetch_sub(1, std::memory_order_relaxed);
    metrics_.add(Counter::kConnectionsRefused);
    ::close(fd);
    return;
  }
  metrics_.add(Counter::kConnectionsAccepted);
  metrics_.add(Gauge::kConnectionsOpen, 1);
  ++open_;
  net::spawn(serve(fd, peer));
}

net::Task<Result<std::unique_ptr<net::Stream>>> Connections::open_stream(int fd) {
  if (!tls_) co_return net::make_tcp_stream(loop_, fd);
  auto stream = co_await net::accept_tls(loop_, fd, tls_, loop_.now() + options_.limits.head_timeout);
  metrics_.add(stream.has_value() ? Counter::kTlsHandshakes : Counter::kTlsHandshakesFailed);
  co_return stream;
}

net::Task<void> Connections::serve(int fd, net::Endpoint peer) {
  auto stream = co_await open_stream(fd);
  if (stream.has_value()) {
    http::ServerConnection connection(*std::move(stream), peer, buffers_, options_.limits, metrics_);
    const std::uint64_t number = ++last_;
    connections_.emplace(number, &connection);
    if (draining_) connection.stop_when_idle();
    co_await http::serve(connection, door_);
    connections_.erase(number);
  }
  closed();
}

void Connections::closed() {
  --open_;
  metrics_.add(Gauge::kConnectionsOpen, -1);
  options_.open_in_process.fetch_sub(1, std::memory_order_relaxed);
  if (open_ == 0 && drained_) loop_.post(std::exchange(drained_, nullptr));
}

void Connections::drain(std::function<void()> drained) {
  draining_ = true;
  acceptor_.reset();
  if (open_ == 0) return drained();
  drained_ = std::move(drained);
  // A copy: stopping an idle connection ends it here and now.
  const auto all = connections_;
  for (const auto& [number, connection] : all) connection->stop_when_idle();
}

void Connections::cancel_all() noexcept {
  const auto all = connections_;
  for (const auto& [number, connection] : all)
    if (connections_.contains(number)) connection->cancel();
}

}  // namespace claviger::server
