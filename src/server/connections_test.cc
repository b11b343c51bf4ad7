// SPDX-License-Identifier: Apache-2.0
#include "server/connections.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <coroutine>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/testing/loop_fixture.h"

namespace claviger::server {
namespace {

using telemetry::Counter;

// Knows whoever asks for /known or /slow, and answers the latter when told to.
class Door final : public http::Handler {
 public:
  net::Task<void> handle(http::ServerConnection& caller) override {
    const bool slow = caller.head().path == "/slow";
    if (slow || caller.head().path == "/known") caller.vouch();
    ++asked;
    if (slow) co_await Held{*this};
    (void)co_await caller.write("HTTP/1.1 204 No Content\r\n\r\n");
    if (const auto sent = co_await caller.flush(); !sent.has_value()) caller.abort();
  }
  net::Task<void> refuse(http::ServerConnection& caller, Error) override {
    caller.abort();
    co_return;
  }
  void answer() {
    go_on_ = true;
    for (const auto handle : std::exchange(held_, {})) handle.resume();
  }
  int asked = 0;

 private:
  struct Held {
    Door& door;
    bool await_ready() const noexcept { return door.go_on_; }
    void await_suspend(std::coroutine_handle<> handle) const { door.held_.push_back(handle); }
    void await_resume() const noexcept {}
  };
  bool go_on_ = false;
  std::vector<std::coroutine_handle<>> held_;
};

// A caller over a real socket: what is told apart here is who connects.
class Peer {
 public:
  explicit Peer(const net::Endpoint& to, const char* from = "127.0.0.1")
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const auto near = net::to_socket_address({*base::parse_ip(from), 0});
    CLV_CHECK(::bind(fd_, near.get(), near.size) == 0);
    const auto far = net::to_socket_address(to);
    (void)::connect(fd_, far.get(), far.size);
  }
  ~Peer() { ::close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void say(std::string_view text) {
    heard_.clear();
    (void)::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
  }
  bool is_answered() {
    std::array<char, 256> piece;
    const ssize_t got = ::recv(fd_, piece.data(), piece.size(), 0);
    if (got > 0) heard_.append(piece.data(), static_cast<std::size_t>(got));
    return heard_.find("204") != std::string::npos;
  }
  bool is_shut_out() const {
    char byte = 0;
    const ssize_t got = ::recv(fd_, &byte, 1, MSG_PEEK);
    return got == 0 || (got < 0 && errno != EAGAIN);
  }

 private:
  int fd_;
  std::string heard_;
};

struct ConnectionsTest : ::testing::Test, net::testing::LoopFixture {
  net::BufferPool buffers;
  telemetry::WorkerMetrics metrics;
  Door door;
  Admission admission{{.known = 100}};
  std::shared_ptr<const http::ServerLimits> limits = std::make_shared<const http::ServerLimits>();
  std::optional<Connections> connections;
  net::Endpoint bound;

  void open(Admission::Most most, Connections::Yields yields = Connections::Yields::kStrangersAndIdle) {
    admission.use(most);
    connections.emplace(loop(), buffers, metrics, door, Connections::Options{limits, admission, yields});
    const auto socket = net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
    bound = socket->bound;
    ASSERT_TRUE(connections->listen(socket->fd, nullptr).has_value());
  }
  ~ConnectionsTest() override {
    door.answer();
    if (!connections) return;
    connections->cancel_all();
    run_until([&] { return connections->size() == 0; });
    EXPECT_EQ(admission.open(), 0U);
  }
  bool has(std::size_t count) {
    return run_until([&] { return connections->size() == count; });
  }
  bool knows(Peer& peer) {
    peer.say("GET /known HTTP/1.1\r\nHost: g\r\n\r\n");
    return run_until([&] { return peer.is_answered(); });
  }
  bool is_busy(Peer& peer) {
    const int before = door.asked;
    peer.say("GET /slow HTTP/1.1\r\nHost: g\r\n\r\n");
    return run_until([&] { return door.asked > before; });
  }
  bool shuts_out(const Peer& peer) {
    return run_until([&] { return peer.is_shut_out(); });
  }
};

TEST_F(ConnectionsTest, TheOldestStrangerMakesRoomForWhoeverComes) {
  open({.known = 3, .strangers = 3});
  Peer first(bound), second(bound), third(bound);
  ASSERT_TRUE(has(3));
  Peer fourth(bound);
  EXPECT_TRUE(shuts_out(first));
  EXPECT_TRUE(knows(fourth));
  EXPECT_FALSE(second.is_shut_out());
  EXPECT_EQ(metrics.value(Counter::kLimitStrangers), 1U);
  EXPECT_EQ(metrics.value(Counter::kConnectionsTurnedOut), 1U);
}

TEST_F(ConnectionsTest, NobodyWhoIsKnownAndBusyHasToGo) {
  open({.known = 2});
  Peer first(bound), second(bound);
  ASSERT_TRUE(is_busy(first));
  ASSERT_TRUE(is_busy(second));
  const Peer third(bound);
  EXPECT_TRUE(shuts_out(third));
  door.answer();
  EXPECT_TRUE(run_until([&] { return first.is_answered(); }));
  EXPECT_TRUE(run_until([&] { return second.is_answered(); }));
  EXPECT_EQ(metrics.value(Counter::kConnectionsRefused), 1U);
}

TEST_F(ConnectionsTest, WhoIsKnownAndHasBeenIdleForLongestGoesWhenAnotherIsVouchedFor) {
  open({.known = 3});
  Peer busy(bound), first(bound), second(bound);
  ASSERT_TRUE(is_busy(busy));
  ASSERT_TRUE(knows(first));
  ASSERT_TRUE(knows(second));
  ASSERT_TRUE(knows(first));  // so that the other one has been idle for longer
  Peer third(bound);
  ASSERT_TRUE(has(4));
  EXPECT_FALSE(second.is_shut_out());  // nobody goes for a stranger
  EXPECT_TRUE(knows(third));
  EXPECT_TRUE(shuts_out(second));
  EXPECT_FALSE(first.is_shut_out());
  EXPECT_FALSE(busy.is_shut_out());
  EXPECT_TRUE(has(3));
}

TEST_F(ConnectionsTest, StrangersNeverMakeAKnownOneGo) {
  open({.known = 1, .strangers = 2});
  Peer known(bound);
  ASSERT_TRUE(knows(known));
  std::vector<std::unique_ptr<Peer>> flood;
  for (int i = 0; i < 20; ++i) {
    flood.push_back(std::make_unique<Peer>(bound));
    loop().turn(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(run_until([&] { return metrics.value(Counter::kConnectionsTurnedOut) == 18; }));
  EXPECT_TRUE(knows(known));
}

TEST_F(ConnectionsTest, AFloodOfStrangersLocksNobodyOut) {
  open({.known = 5, .strangers = 5});
  Peer known(bound);
  ASSERT_TRUE(knows(known));
  std::vector<std::unique_ptr<Peer>> flood;
  for (int i = 0; i < 50; ++i) {
    flood.push_back(std::make_unique<Peer>(bound));
    flood.back()->say(i % 2 == 0 ? "GET /kno" : "");
    loop().turn(std::chrono::milliseconds(1));
  }
  Peer late(bound);
  EXPECT_TRUE(knows(late));
  EXPECT_TRUE(knows(known));
  EXPECT_LE(admission.open(), 10U);
  EXPECT_GE(metrics.value(Counter::kLimitStrangers), 40U);
}

// Whoever gathers all that one loop may have takes nothing from another, where each stranger has its time.
TEST_F(ConnectionsTest, StrangersOfOneLoopTakeNothingFromAnother) {
  open({.known = 100, .known_of_address = 100, .strangers = 3, .strangers_of_address = 3});
  const net::Endpoint here = bound;
  Connections elsewhere(loop(), buffers, metrics, door,
                        {limits, admission, Connections::Yields::kStrangersAndIdle});
  const auto socket = net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  ASSERT_TRUE(elsewhere.listen(socket->fd, nullptr).has_value());
  std::vector<std::unique_ptr<Peer>> flood;
  for (int i = 0; i < 10; ++i) flood.push_back(std::make_unique<Peer>(socket->bound));
  ASSERT_TRUE(run_until([&] { return metrics.value(Counter::kConnectionsTurnedOut) == 7; }));
  Peer first(here), second(here), third(here);
  ASSERT_TRUE(has(3));
  EXPECT_FALSE(first.is_shut_out());
  EXPECT_TRUE(knows(first));
  EXPECT_TRUE(knows(second));
  EXPECT_TRUE(knows(third));
  EXPECT_EQ(metrics.value(Counter::kConnectionsRefused), 0U);
  elsewhere.cancel_all();
  EXPECT_TRUE(run_until([&] { return elsewhere.size() == 0; }));
}

TEST_F(ConnectionsTest, AnAddressThatHasAllItMayHaveTakesNothingFromOthers) {
  open({.known = 100, .known_of_address = 2, .strangers_of_address = 2});
  Peer other(bound, "127.0.0.2"), first(bound), second(bound);
  ASSERT_TRUE(has(3));
  const Peer third(bound);
  EXPECT_TRUE(shuts_out(first));
  EXPECT_FALSE(other.is_shut_out());
  EXPECT_FALSE(second.is_shut_out());
  EXPECT_EQ(metrics.value(Counter::kLimitConnectionsPerAddress), 1U);
}

TEST_F(ConnectionsTest, TheOldestOfAnAddressIsFoundBehindAnyNumberOfOthers) {
  open({.known = 1000, .strangers_of_address = 100});
  std::vector<std::unique_ptr<Peer>> others;
  for (int i = 0; i < 100; ++i) others.push_back(std::make_unique<Peer>(bound, "127.0.0.2"));
  ASSERT_TRUE(has(100));
  const Peer first(bound);
  ASSERT_TRUE(has(101));
  admission.use({.known = 1000, .strangers_of_address = 1});
  const Peer second(bound);
  EXPECT_TRUE(shuts_out(first));
  EXPECT_FALSE(second.is_shut_out());
  EXPECT_EQ(metrics.value(Counter::kConnectionsTurnedOut), 1U);
}

TEST_F(ConnectionsTest, AnAddressAllOfWhoseConnectionsAreBusyGetsNoMore) {
  open({.known = 100, .known_of_address = 1});
  Peer first(bound);
  ASSERT_TRUE(is_busy(first));
  const Peer second(bound);
  EXPECT_TRUE(shuts_out(second));
  Peer other(bound, "127.0.0.2");
  EXPECT_TRUE(knows(other));
}

TEST_F(ConnectionsTest, AnAddressThatHasAllItMayHaveMakesRoomAmongItsOwnIdleOnes) {
  open({.known = 100, .known_of_address = 1});
  Peer other(bound, "127.0.0.2"), first(bound);
  ASSERT_TRUE(knows(other));
  ASSERT_TRUE(knows(first));
  Peer second(bound);
  EXPECT_TRUE(knows(second));
  EXPECT_TRUE(shuts_out(first));
  EXPECT_FALSE(other.is_shut_out());
}

TEST_F(ConnectionsTest, BusyOnesDoNotHideForeverThatOthersAreIdle) {
  open({.known = 71});
  std::vector<std::unique_ptr<Peer>> busy;
  for (int i = 0; i < 70; ++i) {
    busy.push_back(std::make_unique<Peer>(bound));
    ASSERT_TRUE(is_busy(*busy.back()));
  }
  Peer idle(bound);
  ASSERT_TRUE(knows(idle));
  const Peer refused(bound);  // had that many been looked at
  EXPECT_TRUE(shuts_out(refused));
  Peer next(bound);
  EXPECT_TRUE(knows(next));
  EXPECT_TRUE(shuts_out(idle));
}

TEST_F(ConnectionsTest, WhereNobodyHasToGoTheLastOneStaysOut) {
  open({.known = 1, .strangers = 1}, Connections::Yields::kNobody);
  const Peer first(bound);
  ASSERT_TRUE(has(1));
  const Peer second(bound);
  EXPECT_TRUE(shuts_out(second));
  EXPECT_FALSE(first.is_shut_out());
}

TEST_F(ConnectionsTest, WhilePausedStrangersGoOthersWaitAndTheKnownAreServed) {
  open({.known = 10});
  Peer known(bound);
  ASSERT_TRUE(knows(known));
  const Peer stranger(bound);
  ASSERT_TRUE(has(2));
  connections->pause();
  EXPECT_TRUE(shuts_out(stranger));
  Peer late(bound);
  late.say("GET /known HTTP/1.1\r\nHost: g\r\n\r\n");
  EXPECT_TRUE(knows(known));
  for (int i = 0; i < 10; ++i) loop().turn(std::chrono::milliseconds(5));
  EXPECT_FALSE(late.is_answered());
  connections->resume();
  EXPECT_TRUE(run_until([&] { return late.is_answered(); }));
}

TEST_F(ConnectionsTest, NewLimitsHoldForConnectionsThatAreOpen) {
  open({.known = 10});
  Peer peer(bound);
  ASSERT_TRUE(knows(peer));
  auto tighter = std::make_shared<http::ServerLimits>();
  tighter->head.bytes = 30;
  connections->use(std::shared_ptr<const http::ServerLimits>(std::move(tighter)));
  peer.say("GET /known HTTP/1.1\r\nHost: a-name-that-does-not-fit\r\n\r\n");
  EXPECT_TRUE(shuts_out(peer));
  EXPECT_EQ(metrics.value(Counter::kLimitHead), 1U);
}

}  // namespace
}  // namespace claviger::server
