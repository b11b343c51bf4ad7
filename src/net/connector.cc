// SPDX-License-Identifier: Apache-2.0
#include "net/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/stream.h"

namespace claviger::net {
namespace {

// Waits until a connecting socket is connected, or has failed.
class ConnectAwaiter final : public Waiter {
 public:
  explicit ConnectAwaiter(Source& source) noexcept : source_(source) {}
  ~ConnectAwaiter() {
    if (handle_) source_.forget(*this);
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    source_.wait_as_writer(*this, Source::Direction::kWrite);
  }
  Wakeup await_resume() const noexcept { return why_; }

 private:
  void on_wakeup(Wakeup why) noexcept override {
    why_ = why;
    std::exchange(handle_, nullptr).resume();
  }
  Source& source_;
  std::coroutine_handle<> handle_;
  Wakeup why_ = Wakeup::kReady;
};

Error connect_error(const Endpoint& endpoint, int error_number) {
  return Error::from_errno(Code::kUpstreamFailed, Blame::kUpstream,
                           "connecting to the upstream at " + format_endpoint(endpoint), error_number);
}

Error connect_timeout() {
  return Error(Code::kUpstreamTimeout, Blame::kUpstream, "connecting to the upstream took too long");
}

Task<Result<std::unique_ptr<Source>>> connect_tcp(Loop& loop, Endpoint endpoint, Monotonic deadline) {
  const SocketAddress address = to_socket_address(endpoint);
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return Error::from_errno(Code::kUnavailable, Blame::kGateway, "opening a socket", errno);
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(fd, address.get(), address.size) != 0 && errno != EINPROGRESS) {
    const int reason = errno;
    ::close(fd);
    co_return connect_error(endpoint, reason);
  }
  auto source = CLV_CO_TRY(Source::create(loop, fd));
  source->set_deadline(deadline);
  const Wakeup why = co_await ConnectAwaiter(*source);
  int reason = 0;
  socklen_t size = sizeof reason;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &size);
  if (why != Wakeup::kReady || reason != 0) {
    Source::retire(std::move(source));
    co_return why == Wakeup::kTimeout ? connect_timeout() : connect_error(endpoint, reason);
  }
  co_return source;
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> connect(Loop& loop, Resolver& resolver, const Destination& destination,
                                              std::shared_ptr<ClientTls> tls,
                                              std::chrono::milliseconds limit) {
  const Monotonic deadline = loop.now() + limit;
  const auto addresses = CLV_CO_TRY(co_await resolver.resolve(destination.host));
  Result<std::unique_ptr<Stream>> outcome =
      Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream has no address");
  for (const base::IpAddress& address : addresses) {
    if (loop.now() >= deadline) co_return connect_timeout();
    const Endpoint endpoint{address, destination.port};
    if (auto allowed = check_address(destination.rules, endpoint); !allowed.has_value()) {
      outcome = std::move(allowed).error();
      continue;
    }
    auto source = co_await connect_tcp(loop, endpoint, deadline);
    if (!source.has_value()) {
      outcome = std::move(source).error();
      continue;
    }
    // A deadline set on the source stays with the stream made of it.
    outcome = tls ? co_await connect_tls(*std::move(source), tls) : make_tcp_stream(*std::move(source));
    if (outcome.has_value()) break;
    if (outcome.error().code() == Code::kTimeout) outcome = connect_timeout();
    else if (outcome.error().code() == Code::kClosed)
      outcome = Error(Code::kUpstreamFailed, Blame::kUpstream,
                      "the upstream closed the connection during the TLS handshake");
    // A certificate that is wrong here will be so at the next address; and trying on would hide it.
    break;
  }
  co_return outcome;
}

}  // namespace claviger::net
