// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "net/listener.h"
#include "net/stream.h"
#include "net/task.h"

namespace claviger::gateway::testing {

// An upstream that says what it is told to, connection by connection.
class Script {
 public:
  struct Turn {
    std::string wait_for;  // bytes that must have come
    std::string say;
    bool close = false;
  };
  std::deque<std::vector<Turn>> connections;  // one script for each accepted connection
  std::vector<std::string> received;
  std::vector<bool> closed;
  std::vector<net::Stream*> streams;  // of those that are not closed

  // Resets a connection, now.
  void reset(std::size_t number) {
    streams[number]->abort_on_close();
    streams[number]->cancel();
  }

  // Takes over the listening socket. Requires: the script outlives what it gives.
  std::unique_ptr<net::Acceptor> listen(net::Loop& loop, int listening_fd) {
    return *net::Acceptor::create(loop, listening_fd, [this, &loop](int fd, const net::Endpoint&) {
      received.emplace_back();
      closed.push_back(false);
      streams.push_back(nullptr);
      net::spawn(play(*net::make_tcp_stream(loop, fd), received.size() - 1));
    });
  }

 private:
  net::Task<void> play(std::unique_ptr<net::Stream> stream, std::size_t number) {
    streams[number] = stream.get();
    co_await say(*stream, number);
    closed[number] = true;
    streams[number] = nullptr;
  }

  net::Task<void> say(net::Stream& stream, std::size_t number) {
    const std::vector<Turn> turns = connections[number];
    for (const Turn& turn : turns) {
      while (received[number].find(turn.wait_for) == std::string::npos) {
        std::array<char, 4096> buffer;
        const auto got = co_await stream.read(buffer);
        if (!got.has_value() || *got == 0) co_return;
        received[number].append(buffer.data(), *got);
      }
      if (!turn.say.empty() && !(co_await stream.write_all(turn.say)).has_value()) co_return;
      if (turn.close) co_return;
    }
    std::array<char, 4096> buffer;
    for (;;) {
      const auto got = co_await stream.read(buffer);
      if (!got.has_value() || *got == 0) co_return;
      received[number].append(buffer.data(), *got);
    }
  }
};

}  // namespace claviger::gateway::testing
