// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace claviger::net {
namespace {

constexpr int kBacklog = 1024;
constexpr int kAcceptsATurn = 64;  // then the connections that are there get their turn
constexpr auto kPause = std::chrono::milliseconds(100);

Error listen_error(const Endpoint& endpoint, int error_number) {
  return Error::from_errno(Code::kInvalid, Blame::kOperator, "listening on " + format_endpoint(endpoint),
                           error_number);
}

// Drops what asks for a new connection (SYN without ACK) before the kernel answers it, and nothing else: handshakes that it
// has answered are finished. False where the kernel knows no such filters.
bool drop_new_handshakes(int fd) noexcept {
  constexpr std::uint32_t kFlags = 13;  // where they are in the TCP header, with which the data begins here
  constexpr std::uint32_t kSyn = 0x02;
  constexpr std::uint32_t kAck = 0x10;
  std::array<sock_filter, 5> steps{{
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, kFlags},
      {BPF_ALU | BPF_AND | BPF_K, 0, 0, kSyn | kAck},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, kSyn},
      {BPF_RET | BPF_K, 0, 0, 0},
      {BPF_RET | BPF_K, 0, 0, 0xffff'ffff},
  }};
  const sock_fprog program{static_cast<unsigned short>(steps.size()), steps.data()};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
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
      : loop_(loop), timer_(loop), last_call_(loop), fd_(fd), on_accept_(std::move(on_accept)) {}
  ~Handler() override { close(); }

  void finish(std::function<void()> closed) {
    const bool is_shut = drop_new_handshakes(fd_);
    take_all();
    // Without a filter others go on coming in, of whom waiting would only lose more.
    last_call_.start(is_shut ? kLastCall : std::chrono::milliseconds(0), [this, closed = std::move(closed)] {
      take_all();
      close();
      closed();
    });
  }

  void close() noexcept {
    if (fd_ < 0) return;
    timer_.cancel();
    last_call_.cancel();
    loop_.remove(fd_);
    ::close(fd_);
    fd_ = -1;
  }

  void hold(bool held) noexcept {
    held_ = held;
    watch();
  }

  void on_events(Events) noexcept override { take(held_ ? 0 : kAcceptsATurn); }

 private:
  // All that the kernel holds ready, of which there are at most a backlog full.
  void take_all() { take(2 * kBacklog); }

  void take(int most) {
    for (int i = 0; i < most && fd_ >= 0; ++i) {
      sockaddr_storage peer{};
      socklen_t size = sizeof peer;
      const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) rest();
        return;
      }
      const int one = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      on_accept_(fd, from_socket_address(peer));
    }
  }

  // Out of descriptors or memory: level-triggered readiness would spin until somebody gives some back.
  void rest() {
    (void)loop_.watch(fd_, false, false, false, *this);
    timer_.start(kPause, [this] { watch(); });
  }
  void watch() noexcept { (void)loop_.watch(fd_, !held_, false, false, *this); }

  Loop& loop_;
  Timer timer_;
  Timer last_call_;
  int fd_;
  bool held_ = false;
  OnAccept on_accept_;
};

Acceptor::Acceptor(Loop& loop, std::unique_ptr<Handler> handler) noexcept
    : loop_(loop), handler_(std::move(handler)) {}

Result<std::unique_ptr<Acceptor>> Acceptor::create(Loop& loop, int listening_fd, OnAccept on_accept) {
  auto handler = std::make_unique<Handler>(loop, listening_fd, std::move(on_accept));
  CLV_TRY_VOID(loop.add(listening_fd, Trigger::kLevel, *handler));
  return std::unique_ptr<Acceptor>(new Acceptor(loop, std::move(handler)));
}

void Acceptor::finish(std::function<void()> closed) { handler_->finish(std::move(closed)); }

void Acceptor::pause() noexcept { handler_->hold(true); }
void Acceptor::resume() noexcept { handler_->hold(false); }

Acceptor::~Acceptor() {
  handler_->close();
  loop_.bury(std::move(handler_));
}

}  // namespace claviger::net
