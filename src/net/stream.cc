// SPDX-License-Identifier: Apache-2.0
#include "net/stream.h"

#include <sys/socket.h>

#include <cerrno>

#include "net/socket_io.h"

namespace claviger::net {

void Stream::abort_on_close() noexcept {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(source_->fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

bool StreamAwaiter::is_over() noexcept {
  if (stream_.source().is_cancelled()) {
    fail(Error(Code::kCancelled, Blame::kGateway, "gave up waiting"));
    return true;
  }
  const Stream::Io io = attempt();
  direction_ = io == Stream::Io::kWantWrite ? Source::Direction::kWrite : Source::Direction::kRead;
  return io == Stream::Io::kDone;
}

void StreamAwaiter::wait() noexcept {
  if (role_ == Role::kWriter) stream_.source().wait_as_writer(*this, direction_);
  else stream_.source().wait_as_reader(*this, direction_);
}

void StreamAwaiter::on_wakeup(Wakeup why) noexcept {
  if (why == Wakeup::kTimeout) {
    fail(Error(Code::kTimeout, Blame::kGateway, "a deadline passed"));
  } else if (why == Wakeup::kCancelled) {
    fail(Error(Code::kCancelled, Blame::kGateway, "gave up waiting"));
  } else if (!is_over()) {
    wait();
    return;
  }
  std::exchange(handle_, nullptr).resume();
}

Stream::Io Stream::WriteAwaiter::attempt() noexcept {
  while (!from_.empty()) {
    Result<std::size_t> taken{std::size_t{0}};
    if (const Io io = stream_.try_write(from_, taken); io != Io::kDone) return io;
    if (!taken.has_value()) {
      result_ = std::move(taken).error();
      return Io::kDone;
    }
    from_.remove_prefix(*taken);
  }
  return Io::kDone;
}

namespace {

class TcpStream final : public Stream {
 public:
  explicit TcpStream(std::unique_ptr<Source> source) noexcept : Stream(std::move(source)) {}

  Io try_read(std::span<char> into, Result<std::size_t>& result) noexcept override {
    return receive(source(), into, result) ? Io::kDone : Io::kWantRead;
  }
  Io try_write(std::string_view from, Result<std::size_t>& result) noexcept override {
    return send(source(), from, result) ? Io::kDone : Io::kWantWrite;
  }
  bool is_quiet() noexcept override {
    if (!source().is_readable()) return true;
    char byte = 0;
    if (::recv(source().fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN) return false;
    source().would_block_reading();
    return true;
  }
  void shutdown_write() noexcept override { ::shutdown(source().fd(), SHUT_WR); }
};

}  // namespace

Result<std::unique_ptr<Stream>> make_tcp_stream(Loop& loop, int fd) {
  return make_tcp_stream(CLV_TRY(Source::create(loop, fd)));
}

std::unique_ptr<Stream> make_tcp_stream(std::unique_ptr<Source> connected) {
  return std::make_unique<TcpStream>(std::move(connected));
}

}  // namespace claviger::net
