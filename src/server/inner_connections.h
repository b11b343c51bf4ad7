// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "gateway/call.h"
#include "gateway/worker.h"
#include "http/server_connection.h"
#include "net/task.h"

namespace claviger::server {

// One end of a pair of sockets on its way to another thread. Closed with the last of whoever holds it, unless it was taken.
class HandedSocket {
 public:
  explicit HandedSocket(int fd) noexcept : fd_(fd) {}
  ~HandedSocket();
  HandedSocket(const HandedSocket&) = delete;
  HandedSocket& operator=(const HandedSocket&) = delete;
  int take() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// Two ends of a stream within the process: non-blocking, not inherited. kUnavailable when descriptors have run out.
struct InnerPair {
  std::shared_ptr<HandedSocket> door, worker;
};
Result<InnerPair> make_inner_pair();

// Connections by which doors of the gateway's own call into one worker's pipeline. They have no address, wait for nobody's handshake and
// count for no limit of connections: how many there are is the doors' to bound.
//
// Owns: the connections. Threads: its worker's.
class InnerConnections {
 public:
  // Requires: the worker outlives it.
  explicit InnerConnections(gateway::Worker& worker);

  // Serves it until its other end is closed.
  void take(HandedSocket& socket, std::shared_ptr<const gateway::DoorCaller> door);
  // Ends what is left, at once.
  void cancel_all() noexcept;
  std::size_t size() const noexcept { return open_; }

 private:
  struct Entry;
  net::Task<void> serve(int fd, std::shared_ptr<const gateway::DoorCaller> door);

  gateway::Worker& worker_;
  std::shared_ptr<const http::ServerLimits> limits_;
  Entry* first_ = nullptr;
  std::size_t open_ = 0;
};

}  // namespace claviger::server
