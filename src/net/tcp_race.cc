// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_race.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace claviger::net {

// One socket that is being connected.
class TcpRace::Attempt final : public Waiter {
 public:
  Attempt(TcpRace& race, const Endpoint& endpoint, std::unique_ptr<Source> source) noexcept
      : race_(race), endpoint_(endpoint), source_(std::move(source)) {
    source_->wait_as_writer(*this, Source::Direction::kWrite);
  }
  ~Attempt() { Source::retire(std::move(source_)); }

  const Endpoint& endpoint() const noexcept { return endpoint_; }
  std::unique_ptr<Source> take() noexcept { return std::move(source_); }
  int reason() const noexcept {
    int reason = 0;
    socklen_t size = sizeof reason;
    return ::getsockopt(source_->fd(), SOL_SOCKET, SO_ERROR, &reason, &size) == 0 ? reason : errno;
  }

 private:
  void on_wakeup(Wakeup) noexcept override { race_.settled(*this); }  // destroys it

  TcpRace& race_;
  const Endpoint endpoint_;
  std::unique_ptr<Source> source_;
};

TcpRace::TcpRace(Loop& loop, std::vector<Endpoint> endpoints, Monotonic deadline)
    : loop_(loop), deadline_(deadline), timer_(loop), untried_(endpoints.begin(), endpoints.end()) {}

TcpRace::~TcpRace() = default;

bool TcpRace::run(std::coroutine_handle<> handle) {
  if (loop_.now() >= deadline_) timed_out_ = true;
  else start_next();
  if (is_over()) return false;
  handle_ = handle;
  return true;
}

Result<TcpRace::Winner> TcpRace::outcome() {
  timer_.cancel();
  if (!winner_.has_value()) return why_not();
  Winner winner = *std::move(winner_);
  winner_.reset();
  return winner;
}

// One attempt, or as many as fail at once.
void TcpRace::start_next() {
  bool under_way = false;
  while (!under_way && !untried_.empty()) {
    const Endpoint endpoint = untried_.front();
    untried_.pop_front();
    under_way = start(endpoint);
  }
  arm();
}

bool TcpRace::start(const Endpoint& endpoint) {
  const SocketAddress address = to_socket_address(endpoint);
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    if (errno == EAFNOSUPPORT) failures_.push_back({endpoint, EAFNOSUPPORT});  // a kernel without IPv6
    else local_ = Error::from_errno(Code::kUnavailable, Blame::kGateway, "opening a socket", errno);
    return false;
  }
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(fd, address.get(), address.size) != 0 && errno != EINPROGRESS) {
    failures_.push_back({endpoint, errno});
    ::close(fd);
    return false;
  }
  auto source = Source::create(loop_, fd);
  if (!source.has_value()) {
    local_ = std::move(source).error();
    return false;
  }
  attempts_.push_back(std::make_unique<Attempt>(*this, endpoint, *std::move(source)));
  return true;
}

void TcpRace::settled(Attempt& attempt) noexcept {
  const int reason = attempt.reason();
  if (reason == 0) {
    won(attempt);
  } else {
    failures_.push_back({attempt.endpoint(), reason});
    std::erase_if(attempts_, [&](const auto& each) { return each.get() == &attempt; });
    start_next();
  }
  wake_if_over();
}

void TcpRace::won(Attempt& attempt) noexcept {
  winner_.emplace(Winner{attempt.take(), attempt.endpoint()});
  // The losers are not failures: should the winner turn out to be of no use, they have their turn again.
  for (auto each = attempts_.rbegin(); each != attempts_.rend(); ++each) {
    if (each->get() != &attempt) untried_.push_front((*each)->endpoint());
  }
  attempts_.clear();
}

void TcpRace::arm() {
  const Monotonic next = untried_.empty() ? deadline_ : loop_.now() + kConnectionAttemptDelay;
  timer_.start(std::chrono::ceil<std::chrono::milliseconds>(std::min(next, deadline_) - loop_.now()),
               [this] { on_timer(); });
}

void TcpRace::on_timer() {
  if (loop_.now() >= deadline_) timed_out_ = true;
  else start_next();
  wake_if_over();
}

void TcpRace::wake_if_over() noexcept {
  if (is_over() && handle_) std::exchange(handle_, nullptr).resume();  // may destroy this
}

Error TcpRace::why_not() const {
  if (local_.has_value()) return *local_;
  std::string text;
  const auto add = [&](const Endpoint& endpoint, std::string_view what) {
    text.append(text.empty() ? "" : "; at ").append(format_endpoint(endpoint)).append(": ").append(what);
  };
  for (const Failure& each : failures_) {
    const char* reason = ::strerrordesc_np(each.reason);
    add(each.endpoint, reason != nullptr ? reason : "failed");
  }
  for (const auto& each : attempts_) add(each->endpoint(), "no answer");
  if (!timed_out_)
    return Error::detailed(Code::kUpstreamFailed, Blame::kUpstream, "connecting to the upstream failed",
                           "connecting to the upstream at " + text);
  return Error::detailed(Code::kUpstreamTimeout, Blame::kUpstream, "connecting to the upstream took too long",
                         "connecting to the upstream took too long" + (text.empty() ? text : " at " + text));
}

}  // namespace claviger::net
