// SPDX-License-Identifier: Apache-2.0
#include "sinks/testing/peers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <list>
#include <span>

#include "base/check.h"
#include "base/file.h"
#include "base/parse.h"
#include "sinks/file_outlet.h"
#include "sinks/stdout_outlet.h"
#include "sinks/syslog_outlet.h"
#include "sinks/webhook_outlet.h"

namespace claviger::sinks::testing {

const std::string kFakeSecret = "fake-webhook-secret-of-tests";

namespace {

const std::string kOrigin = "claviger/test";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1))
    lines.emplace_back(text.substr(0, end));
  return lines;
}

sinks::Peer loopback(std::uint16_t port) {
  return {.destination = {"127.0.0.1", port, {.allow_private = true}}, .tls = nullptr};
}

class FilePeer final : public Peer {
 public:
  explicit FilePeer(std::string path) : path_(std::move(path)) {}
  std::unique_ptr<Outlet> make_outlet(const Surroundings&) override {
    return std::make_unique<FileOutlet>(kOrigin, path_);
  }
  // A directory lies in its place.
  void set_up(bool is_up) override {
    if (is_up) {
      std::filesystem::remove(path_);
      if (std::filesystem::exists(path_ + ".kept")) std::filesystem::rename(path_ + ".kept", path_);
    } else {
      if (std::filesystem::exists(path_)) std::filesystem::rename(path_, path_ + ".kept");
      std::filesystem::create_directory(path_);
    }
  }
  std::vector<std::string> records() override {
    std::ifstream file(path_, std::ios::binary);
    return lines_of(std::string(std::istreambuf_iterator<char>(file), {}));
  }

 private:
  const std::string path_;
};

class PipePeer final : public Peer {
 public:
  PipePeer() {
    std::array<int, 2> ends{};
    CLV_CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0);
    CLV_CHECK(::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && ::fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
    read_ = base::Descriptor(ends[0]);
    write_ = base::Descriptor(ends[1]);
  }
  std::unique_ptr<Outlet> make_outlet(const Surroundings& around) override {
    return std::make_unique<StdoutOutlet>(kOrigin, around.loop, write_.number());
  }
  void set_up(bool is_up) override { is_up_ = is_up; }
  void serve() override {
    std::array<char, 4096> piece;
    if (!is_up_) return;
    for (ssize_t got = 0; (got = ::read(read_.number(), piece.data(), piece.size())) > 0;)
      text_.append(piece.data(), static_cast<std::size_t>(got));
  }
  std::vector<std::string> records() override { return lines_of(text_); }
  bool fails_when_down() const override { return false; }

 private:
  base::Descriptor read_, write_;
  bool is_up_ = true;
  std::string text_;
};

// A listening socket, and whoever connects to it.
class Listener {
 public:
  struct Connection {
    base::Descriptor socket;
    std::string text;  // what came
  };

  Listener() { set_listening(true); }
  std::uint16_t port() const noexcept { return port_; }

  void set_listening(bool is_so) {
    listening_ = base::Descriptor();
    if (!is_so) return;
    listening_ = base::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(listening_.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    CLV_CHECK(::bind(listening_.number(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    CLV_CHECK(::listen(listening_.number(), 16) == 0);
    CLV_CHECK(::getsockname(listening_.number(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }

  // Takes what came; `received` sees each connection that got something.
  void serve(const std::function<void(Connection&)>& received) {
    for (int fd = 0;
         (fd = ::accept4(listening_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
      connections_.push_back({base::Descriptor(fd), {}});
    std::array<char, 65536> piece;
    for (auto each = connections_.begin(); each != connections_.end();) {
      ssize_t got = 0;
      while ((got = ::recv(each->socket.number(), piece.data(), piece.size(), 0)) > 0)
        each->text.append(piece.data(), static_cast<std::size_t>(got));
      received(*each);
      each = got == 0 ? connections_.erase(each) : std::next(each);
    }
  }
  void hang_up() { connections_.clear(); }

 private:
  base::Descriptor listening_;
  std::uint16_t port_ = 0;
  std::list<Connection> connections_;
};

class SyslogPeer final : public Peer {
 public:
  std::unique_ptr<Outlet> make_outlet(const Surroundings& around) override {
    return std::make_unique<SyslogOutlet>(around.loop, around.resolver, loopback(listener_.port()),
                                          SyslogWriter(kOrigin, "gateway.example", 7, 32473));
  }
  void set_up(bool is_up) override {
    listener_.set_listening(is_up);
    if (!is_up) listener_.hang_up();
  }
  void serve() override {
    listener_.serve([this](Listener::Connection& from) { take_messages(from.text); });
  }
  std::vector<std::string> records() override { return records_; }

 private:
  // "<length> <message>", of which what stands behind the structured data is the record.
  void take_messages(std::string& text) {
    for (std::size_t space = 0; (space = text.find(' ')) != std::string::npos;) {
      std::size_t size = 0;
      CLV_CHECK(std::from_chars(text.data(), text.data() + space, size).ptr == text.data() + space);
      if (text.size() < space + 1 + size) return;
      const std::string message = text.substr(space + 1, size);
      CLV_CHECK(message.starts_with("<110>1 "));
      records_.push_back(message.substr(message.find("] {") + 2));
      text.erase(0, space + 1 + size);
    }
  }

  Listener listener_;
  std::vector<std::string> records_;
};

class WebhookPeer final : public Peer {
 public:
  std::unique_ptr<Outlet> make_outlet(const Surroundings& around) override {
    return make_webhook_outlet(around, receiver_.port());
  }
  void set_up(bool is_up) override {
    receiver_.answer = is_up ? "HTTP/1.1 204 No Content\r\n\r\n"
                             : "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
    is_up_ = is_up;
  }
  void serve() override {
    receiver_.serve();
    for (const HttpReceiver::Request& request : receiver_.requests) {
      if (is_up_) std::ranges::copy(lines_of(request.body), std::back_inserter(records_));
    }
    receiver_.requests.clear();
  }
  std::vector<std::string> records() override { return records_; }

 private:
  HttpReceiver receiver_;
  bool is_up_ = true;
  std::vector<std::string> records_;
};

}  // namespace

struct HttpReceiver::State {
  Listener listener;
};

HttpReceiver::HttpReceiver() : state_(std::make_unique<State>()) {}
HttpReceiver::~HttpReceiver() = default;
std::uint16_t HttpReceiver::port() const noexcept { return state_->listener.port(); }
void HttpReceiver::set_listening(bool is_so) { state_->listener.set_listening(is_so); }
void HttpReceiver::hang_up() { state_->listener.hang_up(); }

std::string HttpReceiver::Request::field(std::string_view name) const {
  const std::size_t at = head.find("\r\n" + std::string(name) + ": ");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

void HttpReceiver::serve() {
  state_->listener.serve([this](Listener::Connection& from) {
    for (std::size_t end = 0; (end = from.text.find("\r\n\r\n")) != std::string::npos;) {
      Request request{.head = from.text.substr(0, end + 4), .body = {}};
      const std::size_t size =
          static_cast<std::size_t>(*base::parse_decimal(request.field("Content-Length")));
      if (from.text.size() < end + 4 + size) return;
      request.body = from.text.substr(end + 4, size);
      from.text.erase(0, end + 4 + size);
      requests.push_back(std::move(request));
      CLV_CHECK(::send(from.socket.number(), answer.data(), answer.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(answer.size()));
    }
  });
}

std::unique_ptr<Outlet> make_webhook_outlet(const Peer::Surroundings& around, std::uint16_t port) {
  return std::make_unique<WebhookOutlet>(kOrigin, around.loop, around.resolver, around.buffers,
                                         loopback(port),
                                         WebhookOutlet::Request{"127.0.0.1", "/audit/", "claviger/test"},
                                         *crypto::HmacSha256::create(std::as_bytes(std::span(kFakeSecret))));
}

std::unique_ptr<Peer> make_file_peer(std::string path) { return std::make_unique<FilePeer>(std::move(path)); }
std::unique_ptr<Peer> make_pipe_peer() { return std::make_unique<PipePeer>(); }
std::unique_ptr<Peer> make_syslog_peer() { return std::make_unique<SyslogPeer>(); }
std::unique_ptr<Peer> make_webhook_peer() { return std::make_unique<WebhookPeer>(); }

}  // namespace claviger::sinks::testing
