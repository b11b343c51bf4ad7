// SPDX-License-Identifier: Apache-2.0
// A caller's whole connection through ServerConnection and serve(): each request that the reference reads is
// handed to the door once, in order, head and body, however the bytes arrive; behind a refusal, or a request that ends
// the connection, nothing is. The first byte says how the rest is cut.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fuzz_check.h"
#include "http/serve.h"
#include "http/testing/request_stream.h"
#include "net/testing/loop_fixture.h"

namespace {

using namespace claviger;
using namespace claviger::http;
using claviger::fuzz::expect;
using claviger::http::testing::PlainRequest;
using claviger::http::testing::RequestReading;
using claviger::http::testing::Verdict;

// Keeps what it is handed, and answers with nothing.
class Recorder final : public Handler {
 public:
  net::Task<void> handle(ServerConnection& connection) override {
    PlainRequest request = testing::plain(connection.head());
    for (;;) {
      const auto piece = co_await connection.read_body();
      if (!piece.has_value()) co_return connection.abort();
      if (piece->empty()) break;
      request.body += *piece;
    }
    PlainRequest again = testing::plain(connection.head());
    again.body = request.body;
    expect(request == again, "the head stays readable while the body comes");
    requests.push_back(std::move(request));
    (void)co_await connection.write("HTTP/1.1 204 No Content\r\n\r\n");
    (void)co_await connection.flush();
  }
  net::Task<void> refuse(ServerConnection& connection, Error error) override {
    refusal = error.code();
    (void)co_await connection.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    (void)co_await connection.flush();
  }

  std::vector<PlainRequest> requests;
  std::optional<Code> refusal;
};

struct Stand : net::testing::LoopFixture {
  net::BufferPool buffers;
  telemetry::WorkerMetrics metrics;
  std::shared_ptr<const ServerLimits> limits = std::make_shared<ServerLimits>();
};

net::Task<void> run(std::unique_ptr<ServerConnection>& connection, Recorder& door) {
  co_await serve(*connection, door);
  connection.reset();
}

// What goes out is of no interest, as long as somebody takes it.
void read_away(net::Stream& stream) {
  std::vector<char> room(65536);
  Result<std::size_t> got{std::size_t{0}};
  while (stream.try_read(room, got) == net::Stream::Io::kDone && got.has_value() && *got > 0) {
  }
}

void send(Stand& stand, net::testing::StreamPair& pair, std::string_view input, const testing::Cuts& cuts) {
  std::size_t at = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : input.size();
    if (end > at) {
      Result<std::size_t> sent{std::size_t{0}};
      if (pair.far->try_write(input.substr(at, end - at), sent) != net::Stream::Io::kDone) return;
      if (!sent.has_value()) return;  // it has seen enough
    }
    at = end;
    stand.loop().turn(std::chrono::milliseconds(0));
    read_away(*pair.far);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Stand stand;
  if (size < 1 || size > 8192) return 0;
  const std::string input(data + 1, data + size);
  const testing::Cuts cuts = data[0] == 0 ? testing::Cuts{} : testing::cut_somewhere(input.size(), data[0]);

  net::testing::StreamPair pair(stand.loop());
  auto connection = std::make_unique<ServerConnection>(std::move(pair.near), net::Endpoint{}, stand.buffers,
                                                       stand.limits, stand.metrics);
  Recorder door;
  net::spawn(run(connection, door));
  send(stand, pair, input, cuts);
  pair.far->shutdown_write();
  expect(stand.run_until([&] {
    read_away(*pair.far);
    return connection == nullptr;
  }),
         "a connection whose caller has left ends");

  RequestReading expected = testing::read_requests_with_reference(input, stand.limits->head);
  const auto last = std::ranges::find(expected.requests, false, &PlainRequest::keep_alive);
  const bool ends = last != expected.requests.end();
  if (ends) expected.requests.erase(last + 1, expected.requests.end());
  expect(door.requests == expected.requests, "the door gets the requests that the reference reads");
  if (expected.verdict == Verdict::kAccepted || ends)
    expect(!door.refusal.has_value(), "and nothing is refused that is well");
  return 0;
}
