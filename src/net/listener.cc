// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace claviger::net {
namespace {

constexpr int kBacklog = 1024;
constexpr int kAcceptsATurn = 64;  // then the connections that are there get their turn
constexpr auto kPause = std::chrono::milliseconds(100);

Error listen_error(const Endpoint& endpoint, int error_number) {
  return Error::from_errno(Code::kInvalid, Blame::kOperator, "listening on " + format_endpoint(endpoint),
                           error_number);
}

}  // namespace

Result<ListeningSocket> listen_on(const Endpoint& endpoint, bool share_port) {
  const SocketAddress address = to_socket_address(endpoint);
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return listen_error(endpoint, errno);
  const int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (share_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  if (address.storage.ss_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::bind(fd, address.get(), address.size) != 0 || ::listen(fd, kBacklog) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    const int reason = errno;
    ::close(fd);
    return listen_error(endpoint, reason);
  }
  return ListeningSocket{fd, from_socket_address(bound)};
}

class Acceptor::Handler final : public EventHandler {
 public:
  Handler(Loop& loop, int fd, OnAccept on_accept)
      : loop_(loop), timer_(loop), fd_(fd), on_accept_(std::move(on_accept)) {}
  ~Handler() override { close(); }

  void close() noexcept {
    if (fd_ < 0) return;
    timer_.cancel();
    loop_.remove(fd_);
    ::close(fd_);
    fd_ = -1;
  }

  void on_events(Events) noexcept override {
    for (int i = 0; i < kAcceptsATurn && fd_ >= 0; ++i) {
      sockaddr_storage peer{};
      socklen_t size = sizeof peer;
      const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) pause();
        return;
      }
      const int one = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      on_accept_(fd, from_socket_address(peer));
    }
  }

 private:
  // Out of descriptors or memory: level-triggered readiness would spin until somebody gives some back.
  void pause() {
    (void)loop_.watch(fd_, false, false, false, *this);
    timer_.start(kPause, [this] { (void)loop_.watch(fd_, true, false, false, *this); });
  }

  Loop& loop_;
  Timer timer_;
  int fd_;
  OnAccept on_accept_;
};

Acceptor::Acceptor(Loop& loop, std::unique_ptr<Handler> handler) noexcept
    : loop_(loop), handler_(std::move(handler)) {}

Result<std::unique_ptr<Acceptor>> Acceptor::create(Loop& loop, int listening_fd, OnAccept on_accept) {
  auto handler = std::make_unique<Handler>(loop, listening_fd, std::move(on_accept));
  CLV_TRY_VOID(loop.add(listening_fd, Trigger::kLevel, *handler));
  return std::unique_ptr<Acceptor>(new Acceptor(loop, std::move(handler)));
}

Acceptor::~Acceptor() {
  handler_->close();
  loop_.bury(std::move(handler_));
}

}  // namespace claviger::net
