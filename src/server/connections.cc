// SPDX-License-Identifier: Apache-2.0
#include "server/connections.h"

#include <unistd.h>

#include <utility>
#include <vector>

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

void Connections::on_accept(int fd, const net::Endpoint& peer) {
  if (options_.open_in_process.fetch_add(1, std::memory_order_relaxed) >= options_.most_in_process) {
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
    connections_.insert(&connection);
    if (draining_) connection.stop_when_idle();
    co_await http::serve(connection, door_);
    connections_.erase(&connection);
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
  const std::vector<http::ServerConnection*> all(connections_.begin(), connections_.end());
  for (http::ServerConnection* connection : all) connection->stop_when_idle();
}

void Connections::cancel_all() noexcept {
  const std::vector<http::ServerConnection*> all(connections_.begin(), connections_.end());
  for (http::ServerConnection* connection : all)
    if (connections_.contains(connection)) connection->cancel();
}

}  // namespace claviger::server
