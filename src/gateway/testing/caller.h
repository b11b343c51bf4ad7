// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "gateway/serve_call.h"
#include "gateway/testing/stand.h"
#include "http/serve.h"

namespace claviger::gateway::testing {

// A caller's connection to a stand, from both ends. Must be over before it goes.
class Caller {
 public:
  // `of`: it is a door's, within the gateway.
  explicit Caller(Stand& stand, const DoorCaller* of = nullptr) : stand_(stand), door_(stand, of) {
    net::testing::StreamPair pair(stand.loop());
    far_ = std::move(pair.far);
    net::spawn(serve(std::move(pair.near)));
  }
  ~Caller() {
    hang_up();
    CLV_CHECK(stand_.run_until([this] { return over_; }));
  }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // `$KEY` stands for the API key. How much of it the socket took.
  std::size_t say(std::string text) {
    if (const std::size_t at = text.find("$KEY"); at != std::string::npos)
      text.replace(at, 4, stand_.api_key());
    Result<std::size_t> sent{std::size_t{0}};
    if (far_->try_write(text, sent) != net::Stream::Io::kDone || !sent.has_value()) return 0;
    return *sent;
  }
  std::size_t get(const std::string& path) {
    return say("GET " + path + " HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\n\r\n");
  }
  // Everything that was answered so far.
  const std::string& heard() {
    std::array<char, 65536> buffer;
    Result<std::size_t> got{std::size_t{0}};
    while (far_ && far_->try_read(buffer, got) == net::Stream::Io::kDone && got.has_value() && *got > 0)
      heard_.append(buffer.data(), *got);
    return heard_;
  }
  bool hears(std::string_view text) {
    return stand_.run_until([&] { return heard().find(text) != std::string::npos; });
  }
  void hang_up() { far_.reset(); }

  bool is_over() const noexcept { return over_; }        // the gateway let the connection go,
  bool was_aborted() const noexcept { return aborted_; }  // with a reset

 private:
  struct Door final : http::Handler {
    Door(Stand& stand_in, const DoorCaller* of_in) : stand(stand_in), of(of_in) {}
    net::Task<void> handle(http::ServerConnection& caller) override {
      return serve_call(stand.worker(), caller, of);
    }
    net::Task<void> refuse(http::ServerConnection& caller, Error error) override {
      return refuse_call(stand.worker(), caller, std::move(error), of);
    }
    Stand& stand;
    const DoorCaller* of;
  };

  net::Task<void> serve(std::unique_ptr<net::Stream> near) {
    {
      http::ServerConnection connection(std::move(near), net::Endpoint{*base::parse_ip("192.0.2.7"), 1},
                                        stand_.buffers(), limits_, stand_.metrics());
      co_await http::serve(connection, door_);
      aborted_ = connection.is_aborted();
    }
    over_ = true;
  }

  Stand& stand_;
  std::shared_ptr<const http::ServerLimits> limits_ = std::make_shared<const http::ServerLimits>();
  Door door_;
  std::unique_ptr<net::Stream> far_;
  std::string heard_;
  bool over_ = false;
  bool aborted_ = false;
};

}  // namespace claviger::gateway::testing
