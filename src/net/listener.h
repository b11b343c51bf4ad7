// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "net/endpoint.h"
#include "net/loop.h"

namespace claviger::net {

// A bound, listening socket. With SO_REUSEPORT each worker has its own for the same address.
// kInvalid names the address and, when it is taken, says so.
struct ListeningSocket {
  int fd = -1;
  Endpoint bound;  // with the real port when 0 was asked for
};
Result<ListeningSocket> listen_on(const Endpoint& endpoint, bool share_port);

// Accepts connections in a loop. When the process runs out of descriptors it pauses and tries again,
// rather than spin.
//
// Owns: the socket. Threads: its loop's.
class Acceptor {
 public:
  // `on_accept` takes over the descriptor (non-blocking, TCP_NODELAY).
  using OnAccept = std::function<void(int fd, const Endpoint& peer)>;
  static Result<std::unique_ptr<Acceptor>> create(Loop& loop, int listening_fd, OnAccept on_accept);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  class Handler;
  explicit Acceptor(Loop& loop, std::unique_ptr<Handler> handler) noexcept;
  Loop& loop_;
  std::unique_ptr<Handler> handler_;
};

}  // namespace claviger::net
