// SPDX-License-Identifier: Apache-2.0
#include "sinks/syslog_outlet.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <array>
#include <utility>

#include "net/pause.h"

namespace claviger::sinks {
namespace {

constexpr std::chrono::milliseconds kLookAtQueue{10};

Error peer_closed() {
  return Error(Code::kClosed, Blame::kUpstream,
               "the peer closed the connection; what it may not have read is sent again");
}

Error as_peer_error(const Error& error) {
  if (error.code() == Code::kTimeout)
    return Error(Code::kTimeout, Blame::kUpstream, "the peer took too long to take a batch");
  return error.code() == Code::kClosed ? peer_closed() : error;
}

// Bytes that the peer's TCP has not acknowledged.
int unacknowledged(int fd) noexcept {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

// Asked of the kernel: the loop may not have heard of it yet.
bool has_something(int fd) noexcept {
  pollfd look{fd, POLLIN | POLLRDHUP, 0};
  return ::poll(&look, 1, 0) > 0;
}

}  // namespace

SyslogOutlet::SyslogOutlet(net::Loop& loop, net::Resolver& resolver, Peer peer, SyslogWriter writer)
    : loop_(loop), resolver_(resolver), peer_(std::move(peer)), writer_(std::move(writer)) {}

net::Task<Result<void>> SyslogOutlet::deliver(std::string_view records) {
  if (stream_) {
    auto good = still_good();
    if (!good.has_value()) stream_.reset();
    // One that was closed when nothing was in doubt is nobody's loss.
    if (!good.has_value() && loop_.now() - taken_at_ < doubt()) co_return good;
  }
  if (!stream_)
    stream_ = CLV_CO_TRY(co_await net::connect(loop_, resolver_, peer_.destination, peer_.tls, kPeerConnect));
  auto sent = co_await send(records);
  if (sent.has_value()) taken_at_ = loop_.now();
  else stream_.reset();
  co_return sent;
}

net::Task<Result<void>> SyslogOutlet::send(std::string_view records) {
  const Monotonic latest = loop_.now() + kPeerTakes;
  stream_->set_deadline(latest);
  const auto written = co_await stream_->write_all(records);
  if (!written.has_value()) co_return as_peer_error(written.error());
  stream_->set_deadline(net::Deadline::kNever);
  co_return co_await wait_until_taken(latest);
}

net::Task<Result<void>> SyslogOutlet::wait_until_taken(Monotonic latest) {
  while (unacknowledged(stream_->source().fd()) > 0) {
    CLV_CO_TRY_VOID(still_good());
    if (loop_.now() > latest)
      co_return Error(Code::kTimeout, Blame::kUpstream, "the peer took too long to take a batch");
    co_await net::Pause(loop_, kLookAtQueue);
  }
  co_return still_good();
}

// A syslog server says nothing; what comes is the end, or TLS's own (tickets, alerts).
Result<void> SyslogOutlet::still_good() {
  if (!stream_) return peer_closed();
  std::array<char, 512> said;
  for (int most = 64; most > 0 && (has_something(stream_->source().fd()) || stream_->has_buffered());
       --most) {
    Result<std::size_t> got{std::size_t{0}};
    if (stream_->try_read(said, got) != net::Stream::Io::kDone) break;
    if (!got.has_value()) return as_peer_error(got.error());
    if (*got == 0) return peer_closed();
  }
  return stream_->is_finished() ? peer_closed() : ok();
}

}  // namespace claviger::sinks
