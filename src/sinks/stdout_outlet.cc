// SPDX-License-Identifier: Apache-2.0
#include "sinks/stdout_outlet.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <coroutine>
#include <utility>

namespace claviger::sinks {
namespace {

// A pipe that poll() calls writable takes so much without waiting; and so much it takes whole or not at all (PIPE_BUF).
constexpr std::size_t kTakenAtOnce = 4096;

// Whole records where they fit, so that whoever ends in the midst of a batch leaves no torn line to those who write to the
// same pipe after it.
std::string_view next_piece(std::string_view records) noexcept {
  const std::size_t end = records.substr(0, kTakenAtOnce).rfind('\n');
  return records.substr(0, end != std::string_view::npos ? end + 1 : records.find('\n') + 1);
}

}  // namespace

// Until it takes more. Where the descriptor cannot be watched it never makes anybody wait.
class StdoutOutlet::Writable final : public net::EventHandler {
 public:
  Writable(net::Loop& loop, int fd) noexcept : loop_(loop), fd_(fd) {}
  ~Writable() override { forget(); }

  bool await_ready() {
    is_watched_ = loop_.watch(fd_, false, true, true, *this).has_value();
    return !is_watched_;
  }
  void await_suspend(std::coroutine_handle<> handle) noexcept { handle_ = handle; }
  void await_resume() const noexcept {}

 private:
  void on_events(net::Events) noexcept override {
    forget();
    handle_.resume();
  }
  void forget() noexcept {
    if (std::exchange(is_watched_, false)) loop_.remove(fd_);
  }

  net::Loop& loop_;
  const int fd_;
  bool is_watched_ = false;
  std::coroutine_handle<> handle_;
};

StdoutOutlet::StdoutOutlet(std::string origin, net::Loop& loop, int fd)
    : JsonOutlet(std::move(origin)), loop_(loop), fd_(fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return;
  if (S_ISREG(status.st_mode)) kind_ = Kind::kFile;
  else if (S_ISSOCK(status.st_mode)) kind_ = Kind::kSocket;
  else {
    own_ = base::Descriptor("/proc/self/fd/" + std::to_string(fd), O_WRONLY | O_NONBLOCK);
    if (own_.is_open()) kind_ = Kind::kOwn;
  }
}

// As write(2), but that it never waits: EAGAIN then.
long StdoutOutlet::write_some(std::string_view bytes) noexcept {
  switch (kind_) {
    case Kind::kFile:
      return ::write(fd_, bytes.data(), bytes.size());
    case Kind::kSocket:
      return ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    case Kind::kOwn:
      return ::write(own_.number(), bytes.data(), bytes.size());
    case Kind::kPolled:
      break;
  }
  pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
  if (::poll(&ready, 1, 0) == 1) return ::write(fd_, bytes.data(), std::min(bytes.size(), kTakenAtOnce));
  errno = EAGAIN;
  return -1;
}

net::Task<Result<void>> StdoutOutlet::deliver(std::string_view records) {
  if (is_torn_ && write_some("\n") == 1) is_torn_ = false;
  std::size_t done = 0;
  while (done < records.size()) {
    const long put =
        write_some(kind_ == Kind::kFile ? records.substr(done) : next_piece(records.substr(done)));
    if (put > 0) {
      done += static_cast<std::size_t>(put);
      is_torn_ = records[done - 1] != '\n';
    } else if (errno == EAGAIN) {
      co_await Writable(loop_, kind_ == Kind::kOwn ? own_.number() : fd_);
    } else if (errno != EINTR) {
      co_return Error::from_errno(Code::kIo, Blame::kOperator, "writing to standard output", errno);
    }
  }
  co_return ok();
}

}  // namespace claviger::sinks
