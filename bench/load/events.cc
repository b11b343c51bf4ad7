// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <cstdio>
#include <deque>
#include <optional>

#include "answer.h"
#include "connection.h"
#include "latencies.h"
#include "modes.h"

namespace bench {
namespace {

// One stream: body text in, times of the events in it out.
class EventReader {
 public:
  explicit EventReader(Latencies& latencies) : latencies_(latencies) {}

  void take(std::string_view body, std::uint64_t from_ns) {
    const std::uint64_t now = now_ns();
    text_ += body;
    for (std::size_t end = 0; (end = text_.find("\n\n")) != std::string::npos; text_.erase(0, end + 2)) {
      static constexpr std::string_view kData = "data: ";
      const auto at = text_.find(kData);
      if (at == std::string::npos || at > end) die("an event without data");
      std::uint64_t stamp = 0;
      std::from_chars(text_.data() + at + kData.size(), text_.data() + end, stamp);
      if (stamp >= from_ns) latencies_.add(now - stamp);
    }
  }

 private:
  Latencies& latencies_;
  std::string text_;
};

struct Stream {
  Stream(const Target& target, std::uint64_t number, Latencies& latencies, std::uint64_t from_ns)
      : connection(target, number),
        events(latencies),
        answer([this, from_ns](std::string_view body) { events.take(body, from_ns); }) {}

  void proceed(const std::string& request) {
    if (connection.proceed() == Connection::State::kOpen && !asked) asked = connection.write(request);
    std::array<char, 16384> room;
    for (std::string_view data; connection.open() && !(data = connection.read(room)).empty();) {
      answer.take(data);
      if (answer.has_head() && answer.status() != 200)
        die("a stream was answered " + std::to_string(answer.status()));
    }
    if (connection.closed() || answer.complete()) die("a stream ended");
  }

  Connection connection;
  EventReader events;
  AnswerReader answer;
  bool asked = false;
};

}  // namespace

int events(const Arguments& arguments) {
  const TlsContext context = make_client_context();
  const Target target = Target::from(arguments, arguments.number("tls") != 0 ? context.get() : nullptr);
  const std::string request = "GET " + arguments.text("path") +
                              " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                              arguments.text("key") + "\r\nAccept: text/event-stream\r\n\r\n";
  const std::uint64_t from = now_ns() + arguments.number("warm-up") * 1'000'000;
  const std::uint64_t until = from + arguments.number("milliseconds") * 1'000'000;
  Latencies latencies;
  Poller poller;
  std::deque<Stream> streams;
  for (std::uint64_t i = 0; i < arguments.number("streams"); ++i) {
    Stream& stream = streams.emplace_back(target, i, latencies, from);
    poller.add(stream.connection.fd(), &stream);
  }
  while (now_ns() < until)
    poller.wait(100, [&](void* what) { static_cast<Stream*>(what)->proceed(request); });
  std::printf("{%s}\n", latencies.json().c_str());
  return 0;
}

}  // namespace bench
