// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <list>
#include <utility>

#include "connection.h"
#include "modes.h"

namespace bench {
namespace {

struct Caller {
  Caller(int fd, SSL_CTX* tls) : connection(fd, tls) {}

  Connection connection;
  std::string head;
  std::uint64_t next_event = 0;  // ns; 0: no stream
};

class EventSource {
 public:
  explicit EventSource(const Arguments& arguments)
      : credential_("authorization: bearer " + arguments.text("credential")),
        interval_(1'000'000'000 / arguments.number("rate")) {
    std::ranges::transform(credential_, credential_.begin(), lower);
    plain_ = listen_on(arguments.number("port"));
    if (!arguments.has("tls-port")) return;
    context_ = make_server_context(arguments.text("certificate"), arguments.text("private-key"));
    tls_ = listen_on(arguments.number("tls-port"));
  }

  [[noreturn]] void run() {
    poller_.add_level(plain_, &plain_);
    if (tls_ >= 0) poller_.add_level(tls_, &tls_);
    poller_.add_level(timer_.fd(), &timer_);
    while (true) {
      poller_.wait(-1, [this](void* what) {
        if (what == &plain_) {
          accept_all(plain_, nullptr);
        } else if (what == &tls_) {
          accept_all(tls_, context_.get());
        } else if (what == &timer_) {
          send_events();
        } else {
          proceed(*static_cast<Caller*>(what));
        }
      });
      // Not earlier: an event of the same turn may still point at one.
      std::erase_if(callers_, [](const Caller& caller) { return caller.connection.closed(); });
    }
  }

 private:
  static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

  static int listen_on(std::uint64_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd, 1024) != 0)
      die("listening", errno);
    return fd;
  }

  void accept_all(int listener, SSL_CTX* tls) {
    for (int fd = -1; (fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      Caller& caller = callers_.emplace_back(fd, tls);
      poller_.add(fd, &caller);
    }
  }

  void proceed(Caller& caller) {
    caller.connection.proceed();
    std::array<char, 8192> room;
    for (std::string_view data; caller.connection.open() && !(data = caller.connection.read(room)).empty();) {
      caller.head += data;
      if (!caller.head.ends_with("\r\n\r\n")) continue;
      answer(caller, std::exchange(caller.head, {}));
    }
  }

  void answer(Caller& caller, std::string head) {
    const bool streams = head.starts_with("GET /v1/events ");
    std::ranges::transform(head, head.begin(), lower);
    if (head.find(credential_ + "\r\n") == std::string::npos) {
      caller.connection.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    } else if (!streams) {
      caller.connection.write(
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n"
          R"({"object":"list","data":[]})");
    } else if (caller.connection.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                       "Cache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n")) {
      // Streams that start together are spread over the interval, by the golden ratio.
      static std::uint64_t count = 0;
      caller.next_event = now_ns() + interval_ + interval_ * (++count * 618 % 1000) / 1000;
      arm();
    }
  }

  void arm() {
    std::uint64_t next = 0;
    for (const Caller& caller : callers_)
      if (caller.next_event != 0 && (next == 0 || caller.next_event < next)) next = caller.next_event;
    if (next != 0) timer_.set(next);
  }

  void send_events() {
    timer_.clear();
    for (Caller& caller : callers_) {
      if (caller.next_event == 0 || caller.connection.closed() || caller.next_event > now_ns()) continue;
      caller.next_event += interval_;
      std::array<char, 256> event;
      // As long as a language model's piece of an answer; the stamp is taken last.
      const int size = std::snprintf(event.data(), event.size(),
                                     "78\r\nevent: delta\ndata: %020lu %078d\n\n\r\n", now_ns(), 0);
      caller.connection.write({event.data(), static_cast<std::size_t>(size)});
    }
    arm();
  }

  std::string credential_;
  std::uint64_t interval_;
  TlsContext context_{nullptr, SSL_CTX_free};
  int plain_ = -1, tls_ = -1;
  Poller poller_;
  Timer timer_;
  std::list<Caller> callers_;
};

}  // namespace

int event_source(const Arguments& arguments) { EventSource(arguments).run(); }

}  // namespace bench
