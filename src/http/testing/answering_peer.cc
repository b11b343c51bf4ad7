// SPDX-License-Identifier: Apache-2.0
#include "http/testing/answering_peer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/ip.h"
#include "base/parse.h"

namespace claviger::http::testing {

std::string AnsweringPeer::Request::field(std::string_view name) const {
  const std::size_t at = head.find("\r\n" + std::string(name) + ": ");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

AnsweringPeer::AnsweringPeer(net::Loop& loop, std::shared_ptr<const net::ServerTls> tls)
    : loop_(loop), tls_(std::move(tls)) {
  const auto socket = *net::listen_on({*base::parse_ip("127.0.0.1"), 0}, false);
  port_ = socket.bound.port;
  acceptor_ = *net::Acceptor::create(loop, socket.fd,
                                     [this](int fd, const net::Endpoint&) { net::spawn(serve(fd)); });
}

AnsweringPeer::~AnsweringPeer() {
  acceptor_.reset();
  for (net::Stream* stream : open_) stream->cancel();
  for (int turns = 0; serving_ > 0 && turns < 1000; ++turns) loop_.turn(std::chrono::milliseconds(1));
  CLV_CHECK(serving_ == 0);
}

FetchTarget AnsweringPeer::target() const {
  return {.destination = {"127.0.0.1", port_, {.allow_private = true}},
          .tls = nullptr,
          .authority = "127.0.0.1:" + std::to_string(port_)};
}

AnsweringPeer::Answer AnsweringPeer::json(std::string_view body, std::string_view status) {
  return {"HTTP/1.1 " + std::string(status) + "\r\nContent-Type: application/json\r\nContent-Length: " +
          std::to_string(body.size()) + "\r\n\r\n" + std::string(body)};
}

net::Task<void> AnsweringPeer::serve(int fd) {
  ++serving_;
  std::unique_ptr<net::Stream> stream;
  if (tls_ != nullptr) {
    auto accepted = co_await net::accept_tls(loop_, fd, tls_, loop_.now() + std::chrono::seconds(5));
    if (accepted.has_value()) stream = *std::move(accepted);
  } else {
    stream = *net::make_tcp_stream(loop_, fd);
  }
  if (stream != nullptr && !hangs_up) {
    open_.push_back(stream.get());
    (void)co_await talk(*stream);
    std::erase(open_, stream.get());
    stream->shutdown_write();
  }
  --serving_;
}

net::Task<Result<void>> AnsweringPeer::talk(net::Stream& stream) {
  std::string text;
  std::array<char, 4096> room{};
  for (;;) {
    const std::size_t end = text.find("\r\n\r\n");
    Request request;
    if (end != std::string::npos) request.head = text.substr(0, end + 4);
    const std::string said = request.field("Content-Length");
    const std::size_t size = said.empty() ? 0 : static_cast<std::size_t>(*base::parse_decimal(said));
    if (end != std::string::npos && text.size() >= end + 4 + size) {
      request.body = text.substr(end + 4, size);
      text.erase(0, end + 4 + size);
      requests.push_back(request);
      const Answer answer = answering(request);
      if (!answer.text.empty()) CLV_CO_TRY_VOID(co_await stream.write_all(answer.text));
      if (answer.closes) co_return ok();
      continue;
    }
    const std::size_t got = CLV_CO_TRY(co_await stream.read(room));
    if (got == 0) co_return ok();
    text.append(room.data(), got);
  }
}

}  // namespace claviger::http::testing
