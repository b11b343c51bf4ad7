// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "arguments.h"

namespace bench {

using TlsContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

// TLS 1.3 with the suite that every peer uses. Nothing is verified: the harness does that before any load.
TlsContext make_client_context();
TlsContext make_server_context(const std::string& certificate_file, const std::string& key_file);

// Whom to connect to, and from where. So many ports are needed that one source address does not have them.
struct Target {
  static Target from(const Arguments& arguments, SSL_CTX* tls);

  sockaddr_in address{};
  SSL_CTX* tls = nullptr;  // null: plain
  unsigned sources = 1;    // 127.0.0.1, or 127.0.0.2 and up
};

// One end of a connection, never waiting. Edge-triggered events of its descriptor are the owner's business: at each,
// proceed() until kOpen, then read() until it gives nothing.
class Connection {
 public:
  enum class State : std::uint8_t { kConnecting, kShaking, kOpen, kClosed };

  Connection(const Target& target, std::uint64_t number, SSL_SESSION* session = nullptr);
  Connection(int accepted, SSL_CTX* tls);  // takes the descriptor
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  int fd() const { return fd_; }
  State state() const { return state_; }
  bool open() const { return state_ == State::kOpen; }
  bool closed() const { return state_ == State::kClosed; }
  SSL* ssl() const { return ssl_.get(); }
  bool resumed() const { return ssl_ != nullptr && SSL_session_reused(ssl_.get()) == 1; }

  // Connects and shakes hands as far as it goes without waiting.
  State proceed();
  // What is there; empty when nothing has come yet, or at the end: state() tells which.
  std::string_view read(std::span<char> room);
  // All of it. Messages here are small; one that does not fit the socket's buffer closes the connection.
  bool write(std::string_view data);
  // Says that nothing more is coming. What comes from the other end is then read as it is, until it closes.
  void finish();

 private:
  void fail() { state_ = State::kClosed; }

  int fd_ = -1;
  State state_ = State::kConnecting;
  bool finished_ = false;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
};

// epoll over things that own a descriptor.
class Poller {
 public:
  Poller();
  ~Poller();
  void add(int fd, void* what);  // edge-triggered, both ways
  void add_level(int fd, void* what);  // level-triggered, reading
  template <typename Handler>
  void wait(int milliseconds, Handler&& handle) {
    const int found = wait_for(milliseconds);
    for (int i = 0; i < found; ++i) handle(what_[i]);
  }

 private:
  static constexpr int kMost = 256;

  int wait_for(int milliseconds);

  int fd_;
  void* what_[kMost];
};

// Ticks of the monotonic clock, to be polled with add_level().
class Timer {
 public:
  Timer();
  ~Timer();
  int fd() const { return fd_; }
  void set(std::uint64_t at_ns);
  void clear();

 private:
  int fd_;
};

}  // namespace bench
