// SPDX-License-Identifier: Apache-2.0
#include "server/inner_connections.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <utility>

#include "doors/relay/inner_door.h"
#include "net/stream.h"

namespace claviger::server {
namespace {

// What strangers are kept to is no use against ourselves: doors have deadlines of their own, and keep connections for their next call.
http::ServerLimits inner_limits() {
  constexpr auto kDay = std::chrono::hours(24);
  http::ServerLimits limits;
  limits.body = std::uint64_t{64} << 20;
  limits.head_timeout = limits.idle_timeout = kDay;
  limits.body_rate = 0;
  limits.requests = std::numeric_limits<std::uint32_t>::max();
  return limits;
}

}  // namespace

HandedSocket::~HandedSocket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<InnerPair> make_inner_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
    return Error::from_errno(Code::kUnavailable, Blame::kGateway, "making a connection within the gateway",
                             errno);
  return InnerPair{std::make_shared<HandedSocket>(ends[0]), std::make_shared<HandedSocket>(ends[1])};
}

// In a list, so that all can be ended; it leaves with its connection.
struct InnerConnections::Entry {
  Entry(InnerConnections& owner_in, http::ServerConnection& connection_in) noexcept
      : owner(owner_in), connection(connection_in), next(owner_in.first_) {
    if (next != nullptr) next->previous = this;
    owner.first_ = this;
    ++owner.open_;
  }
  ~Entry() {
    (previous != nullptr ? previous->next : owner.first_) = next;
    if (next != nullptr) next->previous = previous;
    --owner.open_;
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  InnerConnections& owner;
  http::ServerConnection& connection;
  Entry* previous = nullptr;
  Entry* next;
  bool is_cancelled = false;
};

InnerConnections::InnerConnections(gateway::Worker& worker)
    : worker_(worker), limits_(std::make_shared<const http::ServerLimits>(inner_limits())) {}

void InnerConnections::take(HandedSocket& socket, std::shared_ptr<const gateway::DoorCaller> door) {
  net::spawn(serve(socket.take(), std::move(door)));
}

net::Task<void> InnerConnections::serve(int fd, std::shared_ptr<const gateway::DoorCaller> door) {
  auto stream = net::make_tcp_stream(worker_.loop, fd);
  if (!stream.has_value()) co_return;
  http::ServerConnection connection(*std::move(stream), net::Endpoint{}, worker_.buffers, limits_,
                                    worker_.metrics);
  connection.record_peer_as({});
  const Entry entry(*this, connection);
  doors::InnerDoor handler(worker_, std::move(door));
  co_await http::serve(connection, handler);
}

// Ending one may end others, so the list is looked at anew each time.
void InnerConnections::cancel_all() noexcept {
  for (;;) {
    Entry* entry = first_;
    while (entry != nullptr && entry->is_cancelled) entry = entry->next;
    if (entry == nullptr) return;
    entry->is_cancelled = true;
    entry->connection.cancel();
  }
}

}  // namespace claviger::server
