// SPDX-License-Identifier: Apache-2.0
#include "net/socket_io.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace claviger::net {
namespace {

Error socket_error(int error_number) {
  if (error_number == ECONNRESET || error_number == EPIPE || error_number == ENOTCONN ||
      error_number == ESHUTDOWN)
    return Error(Code::kClosed, Blame::kGateway, "the peer closed the connection");
  if (error_number == ETIMEDOUT) return Error(Code::kTimeout, Blame::kGateway, "the network gave no answer");
  return Error(Code::kClosed, Blame::kGateway, "the connection broke");  // EHOSTUNREACH and the like
}

// recv() and send() themselves: glibc's are points where a thread can be cancelled, which costs two function calls and an
// atomic operation or two each in a process that has threads (one percent of a relayed call). Nobody cancels threads here.
long receive_from(int fd, std::span<char> into) noexcept {
  return ::syscall(SYS_recvfrom, fd, into.data(), into.size(), 0, nullptr, nullptr);
}
long send_to(int fd, std::string_view from) noexcept {
  return ::syscall(SYS_sendto, fd, from.data(), from.size(), MSG_NOSIGNAL, nullptr, 0);
}

}  // namespace

bool receive(Source& source, std::span<char> into, Result<std::size_t>& result) noexcept {
  if (!source.is_readable()) return false;
  for (;;) {
    const long got = receive_from(source.fd(), into);
    if (got >= 0) {
      const auto size = static_cast<std::size_t>(got);
      if (size < into.size()) source.drained();
      result = size;
      return true;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      source.would_block_reading();
      return false;
    }
    result = socket_error(errno);
    return true;
  }
}

bool send(Source& source, std::string_view from, Result<std::size_t>& result) noexcept {
  if (!source.is_writable()) return false;
  for (;;) {
    const long sent = send_to(source.fd(), from);
    if (sent >= 0) {
      result = static_cast<std::size_t>(sent);
      return true;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      source.would_block_writing();
      return false;
    }
    result = socket_error(errno);
    return true;
  }
}

}  // namespace claviger::net
