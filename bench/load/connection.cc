// SPDX-License-Identifier: Apache-2.0
#include "connection.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace bench {
namespace {

TlsContext make_context(const SSL_METHOD* method) {
  TlsContext context(SSL_CTX_new(method), SSL_CTX_free);
  if (context == nullptr) die("no TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_256_GCM_SHA384");
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  return context;
}

void no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void bind_source(int fd, std::uint64_t number, unsigned sources) {
  if (sources <= 1) return;
  // The port is chosen at connect(), so that one can serve for several source addresses.
  const int on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + static_cast<std::uint32_t>(number % sources));
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0)
    die("binding a source address", errno);
}

}  // namespace

TlsContext make_client_context() { return make_context(TLS_client_method()); }

TlsContext make_server_context(const std::string& certificate_file, const std::string& key_file) {
  TlsContext context = make_context(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    die("reading " + certificate_file + " and " + key_file);
  return context;
}

Target Target::from(const Arguments& arguments, SSL_CTX* tls) {
  Target target;
  target.address.sin_family = AF_INET;
  target.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  target.address.sin_port = htons(static_cast<std::uint16_t>(arguments.number("port")));
  target.tls = tls;
  target.sources =
      static_cast<unsigned>(std::clamp<std::uint64_t>(arguments.number_or("sources", 1), 1, 250));
  return target;
}

Connection::Connection(const Target& target, std::uint64_t number, SSL_SESSION* session) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) die("making a socket", errno);
  no_delay(fd_);
  bind_source(fd_, number, target.sources);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&target.address), sizeof target.address) != 0 &&
      errno != EINPROGRESS)
    fail();
  if (target.tls == nullptr) return;
  ssl_.reset(SSL_new(target.tls));
  SSL_set_fd(ssl_.get(), fd_);
  SSL_set_connect_state(ssl_.get());
  SSL_set_tlsext_host_name(ssl_.get(), "localhost");
  if (session != nullptr) SSL_set_session(ssl_.get(), session);
}

Connection::Connection(int accepted, SSL_CTX* tls) : fd_(accepted), state_(State::kShaking) {
  no_delay(fd_);
  if (tls == nullptr) {
    state_ = State::kOpen;
    return;
  }
  ssl_.reset(SSL_new(tls));
  SSL_set_fd(ssl_.get(), fd_);
  SSL_set_accept_state(ssl_.get());
}

Connection::~Connection() { ::close(fd_); }

Connection::State Connection::proceed() {
  if (state_ == State::kConnecting) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &size) == 0) {
      state_ = ssl_ != nullptr ? State::kShaking : State::kOpen;
    } else {
      int reason = 0;
      size = sizeof reason;
      ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &reason, &size);
      if (reason != 0) fail();
    }
  }
  if (state_ == State::kShaking) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) {
      state_ = State::kOpen;
    } else {
      const int why = SSL_get_error(ssl_.get(), done);
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) fail();
    }
  }
  return state_;
}

std::string_view Connection::read(std::span<char> room) {
  if (ssl_ == nullptr || finished_) {
    const ssize_t got = ::recv(fd_, room.data(), room.size(), 0);
    if (got > 0) return {room.data(), static_cast<std::size_t>(got)};
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) fail();
    return {};
  }
  ERR_clear_error();
  const int got = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
  if (got > 0) return {room.data(), static_cast<std::size_t>(got)};
  const int why = SSL_get_error(ssl_.get(), got);
  if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) fail();
  return {};
}

bool Connection::write(std::string_view data) {
  if (ssl_ == nullptr) {
    if (::send(fd_, data.data(), data.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(data.size())) fail();
  } else {
    ERR_clear_error();
    if (SSL_write(ssl_.get(), data.data(), static_cast<int>(data.size())) != static_cast<int>(data.size()))
      fail();
  }
  return open();
}

void Connection::finish() {
  finished_ = true;
  ERR_clear_error();
  if (ssl_ != nullptr) SSL_shutdown(ssl_.get());
  ::shutdown(fd_, SHUT_WR);
}

Poller::Poller() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (fd_ < 0) die("epoll", errno);
}

Poller::~Poller() { ::close(fd_); }

void Poller::add(int fd, void* what) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = what}};
  if (::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll", errno);
}

void Poller::add_level(int fd, void* what) {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = what}};
  if (::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll", errno);
}

int Poller::wait_for(int milliseconds) {
  epoll_event events[kMost];
  const int found = ::epoll_wait(fd_, events, kMost, milliseconds);
  for (int i = 0; i < found; ++i) what_[i] = events[i].data.ptr;
  return found;
}

Timer::Timer() : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (fd_ < 0) die("a timer", errno);
}

Timer::~Timer() { ::close(fd_); }

void Timer::set(std::uint64_t at_ns) {
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(at_ns / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(at_ns % 1'000'000'000);
  ::timerfd_settime(fd_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void Timer::clear() {
  std::uint64_t ticks = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd_, &ticks, sizeof ticks);
}

}  // namespace bench
