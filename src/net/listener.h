// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
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
  // From now on nobody new gets in: what asks for a connection is not answered, and then refused. Those whom the kernel has let in
  // already are accepted still, for kLastCall; then the socket is closed and `closed` runs. Nobody who is connected is reset, as
  // a mere close would do to those that wait to be accepted.
  void finish(std::function<void()> closed);
  static constexpr std::chrono::milliseconds kLastCall{100};
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // New connections wait in the kernel until resume(), as many as its queue holds.
  void pause() noexcept;
  void resume() noexcept;

 private:
  class Handler;
  explicit Acceptor(Loop& loop, std::unique_ptr<Handler> handler) noexcept;
  Loop& loop_;
  std::unique_ptr<Handler> handler_;
};

}  // namespace claviger::net
