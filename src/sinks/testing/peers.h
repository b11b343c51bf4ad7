// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/buffer.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "sinks/outlet.h"

namespace claviger::sinks::testing {

// Whom a sink's outlet sends to, on this machine and on the test's own thread: it does its part in serve().
class Peer {
 public:
  struct Surroundings {
    net::Loop& loop;
    net::Resolver& resolver;
    net::BufferPool& buffers;
  };
  virtual ~Peer() = default;
  virtual std::unique_ptr<Outlet> make_outlet(const Surroundings& around) = 0;
  // Takes nothing while it is down. Up to begin with.
  virtual void set_up(bool is_up) = 0;
  // Reads and answers what came, without waiting.
  virtual void serve() {}
  // Every record that came, whole, in the order in which they did: its JSON text.
  virtual std::vector<std::string> records() = 0;
  // Whether one that is down is noticed as a failure: a pipe that nobody reads only makes late.
  virtual bool fails_when_down() const { return true; }
};

extern const std::string kFakeSecret;

std::unique_ptr<Peer> make_file_peer(std::string path);
std::unique_ptr<Peer> make_pipe_peer();
std::unique_ptr<Peer> make_syslog_peer();
std::unique_ptr<Peer> make_webhook_peer();

// One that answers each request as it is told to, on loopback.
class HttpReceiver {
 public:
  struct Request {
    std::string head;  // with its empty line
    std::string body;
    std::string field(std::string_view name) const;  // its value, empty without
  };
  HttpReceiver();
  ~HttpReceiver();
  std::uint16_t port() const noexcept;
  void serve();
  void set_listening(bool is_so);
  void hang_up();  // on all that are connected

  std::string answer = "HTTP/1.1 204 No Content\r\n\r\n";
  std::vector<Request> requests;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::unique_ptr<Outlet> make_webhook_outlet(const Peer::Surroundings& around, std::uint16_t port);

}  // namespace claviger::sinks::testing
