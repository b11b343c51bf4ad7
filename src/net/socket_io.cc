// SPDX-License-Identifier: Apache-2.0
#include "net/socket_io.h"

#include <sys/socket.h>

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

}  // namespace

bool receive(Source& source, std::span<char> into, Result<std::size_t>& result) noexcept {
  if (!source.is_readable()) return false;
  for (;;) {
    const ssize_t got = ::recv(source.fd(), into.data(), into.size(), 0);
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
    const ssize_t sent = ::send(source.fd(), from.data(), from.size(), MSG_NOSIGNAL);
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
