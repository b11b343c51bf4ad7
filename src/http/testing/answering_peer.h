// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret_arena.h"
#include "http/fetch.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/testing/loop_fixture.h"

namespace claviger::http::testing {

// Who answers on loopback, in the test's own loop: every request with what a function makes of it.
class AnsweringPeer {
 public:
  struct Request {
    std::string head;  // with its empty line
    std::string body;
    std::string line() const { return head.substr(0, head.find("\r\n")); }
    std::string field(std::string_view name) const;  // its value, empty without
  };
  struct Answer {
    std::string text;  // head and body, as they go out; empty: none ever comes
    bool closes = false;  // behind it
  };
  using Answering = std::function<Answer(const Request&)>;

  // With `tls` behind TLS.
  explicit AnsweringPeer(net::Loop& loop, std::shared_ptr<const net::ServerTls> tls = nullptr);
  ~AnsweringPeer();
  AnsweringPeer(const AnsweringPeer&) = delete;
  AnsweringPeer& operator=(const AnsweringPeer&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  FetchTarget target() const;
  // 200, with that body as JSON.
  static Answer json(std::string_view body, std::string_view status = "200 OK");

  Answering answering = [](const Request&) { return json("{}"); };
  std::vector<Request> requests;
  bool hangs_up = false;  // on whoever comes

 private:
  net::Task<void> serve(int fd);
  net::Task<Result<void>> talk(net::Stream& stream);

  net::Loop& loop_;
  std::shared_ptr<const net::ServerTls> tls_;
  std::uint16_t port_ = 0;
  std::unique_ptr<net::Acceptor> acceptor_;
  std::vector<net::Stream*> open_;
  int serving_ = 0;
};

// What a fetch needs, on the real clock unless another is given.
struct FetchStand : net::testing::LoopFixture {
  FetchStand() = default;
  explicit FetchStand(const Clock& clock) : LoopFixture(clock) {}

  std::unique_ptr<net::Resolver> resolver = *net::Resolver::create(loop());
  net::BufferPool buffers;
  std::unique_ptr<base::SecretArena> arena = *base::SecretArena::create(
      {.memory = base::SecretArena::Memory::kLocked, .limit = std::size_t{4} << 20});
  FetchSurroundings around{loop(), *resolver, buffers, *arena};
};

}  // namespace claviger::http::testing
