// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "http/serve.h"
#include "net/testing/loop_fixture.h"

namespace claviger::doors::externaldns::testing {

// A loop, and callers who knock at a door on it.
class DoorVisits : public net::testing::LoopFixture {
 protected:
  using LoopFixture::LoopFixture;

  // Everything that is answered until the door hangs up.
  std::string send(http::Handler& door, std::string_view request) {
    net::testing::StreamPair pair(loop());
    bool over = false;
    net::spawn(serve(door, std::move(pair.near), over));
    std::string_view left = request;
    std::string heard;
    std::array<char, 65536> buffer;
    const auto turn = [&] {
      Result<std::size_t> moved{std::size_t{0}};
      while (!left.empty() && pair.far->try_write(left, moved) == net::Stream::Io::kDone && moved.has_value())
        left.remove_prefix(*moved);
      while (pair.far->try_read(buffer, moved) == net::Stream::Io::kDone && moved.has_value() && *moved > 0)
        heard.append(buffer.data(), *moved);
      if (heard.contains("\r\n\r\n")) pair.far->shutdown_write();
      return over;
    };
    EXPECT_TRUE(run_until(turn)) << request.substr(0, 100);
    turn();
    return heard;
  }

 private:
  net::Task<void> serve(http::Handler& door, std::unique_ptr<net::Stream> near, bool& over) {
    {
      http::ServerConnection connection(std::move(near), net::Endpoint{*base::parse_ip("127.0.0.1"), 1},
                                        buffers_, limits_, metrics_);
      co_await http::serve(connection, door);
    }
    over = true;
  }

  net::BufferPool buffers_;
  telemetry::WorkerMetrics metrics_;
  std::shared_ptr<const http::ServerLimits> limits_ = std::make_shared<const http::ServerLimits>();
};

}  // namespace claviger::doors::externaldns::testing
