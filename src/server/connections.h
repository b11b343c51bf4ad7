// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>

#include "http/serve.h"
#include "net/buffer.h"
#include "net/listener.h"
#include "net/tls.h"
#include "telemetry/metrics.h"

namespace claviger::server {

// The connections of one loop: accepts them, shakes hands, has a door serve them, and lets them go.
//
// Owns: the acceptor and every connection. Threads: its loop's.
class Connections {
 public:
  struct Options {
    const http::ServerLimits& limits;
    std::atomic<std::size_t>& open_in_process;  // shared by all loops
    std::size_t most_in_process;
    // When all are taken, the oldest that is idle makes room: strangers who only hold connections open lock nobody out.
    bool evicts_idle = false;
  };
  Connections(net::Loop& loop, net::BufferPool& buffers, telemetry::WorkerMetrics& metrics,
              http::Handler& door, Options options);
  ~Connections();

  // Takes over the listening socket. `tls` null: plain.
  Result<void> listen(int listening_fd, std::shared_ptr<const net::ServerTls> tls);
  // For handshakes from now on.
  void use(std::shared_ptr<const net::ServerTls> tls) { tls_ = std::move(tls); }

  // No new connections; idle ones close now, busy ones after their answer. Calls `drained` when none is left.
  void drain(std::function<void()> drained);
  // Ends what is left, at once.
  void cancel_all() noexcept;
  std::size_t size() const noexcept { return open_; }

 private:
  void on_accept(int fd, const net::Endpoint& peer);
  net::Task<void> serve(int fd, net::Endpoint peer);
  net::Task<Result<std::unique_ptr<net::Stream>>> open_stream(int fd);
  void closed();

  net::Loop& loop_;
  net::BufferPool& buffers_;
  telemetry::WorkerMetrics& metrics_;
  http::Handler& door_;
  Options options_;
  std::unique_ptr<net::Acceptor> acceptor_;
  std::shared_ptr<const net::ServerTls> tls_;
  bool make_room() noexcept;
  std::map<std::uint64_t, http::ServerConnection*> connections_;  // in the order they came
  std::uint64_t last_ = 0;
  std::size_t open_ = 0;  // those that still shake hands included
  bool draining_ = false;
  std::function<void()> drained_;
};

}  // namespace claviger::server
