// SPDX-License-Identifier: Apache-2.0
#include "net/connector.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "base/testing/fake_clock.h"
#include "net/address_order.h"
#include "net/listener.h"
#include "net/local_ca.h"
#include "net/tcp_race.h"
#include "net/testing/fake_dns.h"
#include "net/testing/loop_fixture.h"

namespace claviger::net {
namespace {

using namespace std::chrono_literals;

AddressRules anything() { return {.allow_private = true, .allowed = {}, .own_listeners = {}}; }

// An endpoint that never answers: its queue is full, so the kernel drops what would begin a connection.
class DeafEndpoint {
 public:
  explicit DeafEndpoint(const Endpoint& at) : fd_(open(at.address)) {
    const SocketAddress to = to_socket_address(at);
    const int one = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    CLV_CHECK(::bind(fd_, to.get(), to.size) == 0 && ::listen(fd_, 0) == 0);
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    CLV_CHECK(::getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &size) == 0);
    bound_ = from_socket_address(own);
    for (int& each : fill_) {
      each = open(at.address);
      const SocketAddress here = to_socket_address(bound_);
      (void)::connect(each, here.get(), here.size);
    }
  }
  ~DeafEndpoint() {
    for (const int each : fill_) ::close(each);
    ::close(fd_);
  }
  DeafEndpoint(const DeafEndpoint&) = delete;
  DeafEndpoint& operator=(const DeafEndpoint&) = delete;
  const Endpoint& bound() const noexcept { return bound_; }

 private:
  static int open(const base::IpAddress& address) {
    return ::socket(address.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  int fd_;
  std::array<int, 4> fill_{};
  Endpoint bound_;
};

// What an upstream does with whoever connects.
enum class Manners : std::uint8_t { kSaysNothing, kHangsUp, kSpeaksHttp };

struct Upstream {
  Upstream(Loop& loop, const Endpoint& at, Manners manners = Manners::kSaysNothing)
      : socket(*listen_on(at, false)),
        acceptor(*Acceptor::create(loop, socket.fd, [this, manners](int fd, const Endpoint&) {
          constexpr std::string_view kAnswer = "HTTP/1.1 400 Bad Request\r\n\r\n";
          if (manners == Manners::kSpeaksHttp) EXPECT_GT(::write(fd, kAnswer.data(), kAnswer.size()), 0);
          if (manners == Manners::kHangsUp) ::close(fd);
          else open.push_back(fd);
          ++accepted;
        })) {}
  ~Upstream() {
    for (const int fd : open) ::close(fd);
  }
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  ListeningSocket socket;
  int accepted = 0;
  std::vector<int> open;
  std::unique_ptr<Acceptor> acceptor;
};

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

struct ConnectorTest : ::testing::Test, testing::LoopFixture {
  explicit ConnectorTest(const Clock& clock = real_clock()) : LoopFixture(clock) {}
  using Outcome = Result<std::unique_ptr<Stream>>;

  testing::FakeDns dns{loop()};
  testing::ResolvConf conf;
  std::unique_ptr<Resolver> resolver = *Resolver::create(loop(), conf.options(dns));

  Outcome try_connect(const std::string& host, std::uint16_t port, AddressRules rules,
                      ConnectLimits limits = {.all = 15s, .tls = 15s},
                      std::shared_ptr<ClientTls> tls = nullptr) {
    const Destination destination{host, port, std::move(rules)};
    return finish(connect(loop(), *resolver, destination, std::move(tls), limits));
  }
  static Endpoint at(const std::string& address, std::uint16_t port = 0) {
    return {*base::parse_ip(address), port};
  }
  static std::string peer_of(Stream& stream) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    ::getpeername(stream.source().fd(), reinterpret_cast<sockaddr*>(&peer), &size);
    return base::format_ip(from_socket_address(peer).address);
  }
  static std::string told(const Outcome& outcome) {
    return outcome.has_value() ? "connected" : std::string(outcome.error().what());
  }
};

// --- One address ---------------------------------------------------------------------------------

struct OneUpstream : ConnectorTest {
  Upstream upstream{loop(), at("127.0.0.1")};
  std::uint16_t port = upstream.socket.bound.port;
};

TEST_F(OneUpstream, IsReachedAtAnAllowedAddress) {
  EXPECT_TRUE(try_connect("127.0.0.1", port, anything()).has_value());
  EXPECT_TRUE(run_until([&] { return upstream.accepted == 1; }));
}

TEST_F(OneUpstream, IsReachedByNameByWayOfTheResolver) {
  EXPECT_TRUE(
      try_connect(
          "localhost", port,
          {.allow_private = false, .allowed = {*base::parse_cidr("127.0.0.0/8")}, .own_listeners = {}})
          .has_value());
}

TEST_F(OneUpstream, IsNeverTouchedAtAPrivateAddressUnlessAllowed) {
  for (const char* host : {"127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "0.0.0.0"}) {
    const auto refused = try_connect(host, port, {});
    ASSERT_FALSE(refused.has_value()) << host;
    EXPECT_EQ(refused.error().code(), Code::kUpstreamFailed) << host;
    EXPECT_EQ(refused.error().blame(), Blame::kOperator) << host;
  }
  loop().turn(20ms);
  EXPECT_EQ(upstream.accepted, 0);
}

TEST_F(OneUpstream, IsNeverTheGatewayItself) {
  for (const char* host : {"127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0"})
    EXPECT_FALSE(try_connect(host, port,
                             {.allow_private = true, .allowed = {}, .own_listeners = {upstream.socket.bound}})
                     .has_value());
  const Endpoint everywhere{base::IpAddress{}, port};
  EXPECT_FALSE(
      try_connect("127.0.0.1", port, {.allow_private = true, .allowed = {}, .own_listeners = {everywhere}})
          .has_value());
  loop().turn(20ms);
  EXPECT_EQ(upstream.accepted, 0);
}

TEST_F(OneUpstream, ThatIsGoneIsSaidToRefuse) {
  upstream.acceptor.reset();
  const auto refused = try_connect("127.0.0.1", port, anything());
  EXPECT_EQ(told(refused),
            "connecting to the upstream at 127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

TEST_F(ConnectorTest, SaysThatAnAddressGaveNoAnswerInTime) {
  const DeafEndpoint deaf(at("127.0.0.1"));
  const auto late = try_connect("127.0.0.1", deaf.bound().port, anything(), {.all = 100ms, .tls = 100ms});
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code(), Code::kUpstreamTimeout);
  EXPECT_EQ(told(late),
            "connecting to the upstream took too long at " + format_endpoint(deaf.bound()) + ": no answer");
}

TEST_F(ConnectorTest, CountsTheNameInTheTime) {
  dns.set_both("silent.example", {.silent = true});
  resolver = *Resolver::create(loop(), conf.options(dns, 20s));
  const auto late = try_connect("silent.example", 443, anything(), {.all = 60ms, .tls = 60ms});
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code(), Code::kUpstreamTimeout);
  EXPECT_NE(told(late).find("silent.example"), std::string::npos) << told(late);
}

// --- Several addresses ---------------------------------------------------------------------------

struct TwoFamilies : ConnectorTest {
  using ConnectorTest::ConnectorTest;
  void SetUp() override {
    if (!source_for(at("::1").address).has_value()) GTEST_SKIP() << "this machine has no IPv6";
  }
};

// No time passes unless the test says so.
struct StillTime {
  base::testing::FakeClock clock;
};
struct TwoFamiliesInStillTime : StillTime, TwoFamilies {
  TwoFamiliesInStillTime() : TwoFamilies(StillTime::clock) {}

  void begin(std::uint16_t port, std::optional<Outcome>& outcome) {
    const Destination destination{"api.example", port, anything()};
    spawn(keep(connect(loop(), *resolver, destination, nullptr, {.all = 15s, .tls = 15s}), outcome));
  }
  // What is there to be heard is heard, and then so much time passes.
  void pass(std::chrono::milliseconds time) {
    settle();
    clock.advance(time);
    settle();
  }
  void settle() {
    for (int i = 0; i < 5; ++i) loop().turn(5ms);
  }
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& into) {
    into.emplace(co_await std::move(task));
  }
};

TEST_F(TwoFamiliesInStillTime, StartsTheNextAtOnceWhenOneFails) {
  const Upstream upstream(loop(), at("127.0.0.1"));
  dns.set("api.example", true, {.addresses = {"::1"}});  // where nobody listens
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  (void)finish(resolver->resolve("api.example"));
  std::optional<Outcome> reached;
  begin(upstream.socket.bound.port, reached);
  ASSERT_TRUE(run_until([&] { return reached.has_value(); }));
  ASSERT_TRUE(reached->has_value()) << told(*reached);
  EXPECT_EQ(peer_of(***reached), "127.0.0.1");
}

TEST_F(TwoFamiliesInStillTime, StartsTheNextAfterAQuarterOfASecondWithoutAnAnswer) {
  const DeafEndpoint deaf(at("::1"));
  const Upstream upstream(loop(), at("127.0.0.1", deaf.bound().port));
  dns.set("api.example", true, {.addresses = {"::1"}});
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  (void)finish(resolver->resolve("api.example"));
  const std::size_t before = open_descriptors();
  std::optional<Outcome> reached;
  begin(deaf.bound().port, reached);
  pass(249ms);
  EXPECT_EQ(upstream.accepted, 0);
  pass(1ms + DeadlineWheel::kTick);
  ASSERT_TRUE(run_until([&] { return reached.has_value(); }));
  ASSERT_TRUE(reached->has_value()) << told(*reached);
  EXPECT_EQ(peer_of(***reached), "127.0.0.1");
  loop().turn(0ms);
  EXPECT_LE(open_descriptors(), before + 2);  // the stream's two ends: the deaf one's is closed
}

TEST_F(TwoFamilies, TakesTheFirstThatAnswersInTheResolversOrder) {
  const Upstream six(loop(), at("::1"));
  const Upstream four(loop(), at("127.0.0.1", six.socket.bound.port));
  dns.set("api.example", true, {.addresses = {"::1"}});
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  auto reached = try_connect("api.example", six.socket.bound.port, anything());
  ASSERT_TRUE(reached.has_value()) << told(reached);
  EXPECT_EQ(peer_of(**reached), "::1");
  loop().turn(20ms);
  EXPECT_EQ(four.accepted, 0);
}

TEST_F(TwoFamilies, AreTakenInTurn) {
  dns.set("api.example", true, {.addresses = {"::1", "::1", "::1"}});
  dns.set("api.example", false, {.addresses = {"127.0.0.1", "127.0.0.2"}});
  const std::uint16_t port = Upstream(loop(), at("127.0.0.1")).socket.bound.port;  // closed again
  const std::string refuses = ":" + std::to_string(port) + ": Connection refused";
  EXPECT_EQ(told(try_connect("api.example", port, anything())),
            "connecting to the upstream at [::1]" + refuses + "; at 127.0.0.1" + refuses + "; at [::1]" +
                refuses + "; at 127.0.0.2" + refuses + "; at [::1]" + refuses);
}

TEST_F(TwoFamilies, AreToldOfWhenNeitherAnswersInTime) {
  const DeafEndpoint deaf(at("::1"));
  dns.set("api.example", true, {.addresses = {"::1"}});
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  const std::string port = ":" + std::to_string(deaf.bound().port);
  EXPECT_EQ(told(try_connect("api.example", deaf.bound().port, anything(), {.all = 500ms, .tls = 500ms})),
            "connecting to the upstream took too long at 127.0.0.1" + port +
                ": Connection refused; at [::1]" + port + ": no answer");
}

TEST_F(TwoFamilies, TriesEightAddressesAtTheMost) {
  testing::FakeDns::Reply many;
  for (int i = 1; i <= 12; ++i) many.addresses.push_back("127.0.1." + std::to_string(i));
  dns.set("api.example", false, many);
  dns.set("api.example", true, {.addresses = {"::1", "::1"}});
  const std::uint16_t port = Upstream(loop(), at("127.0.0.1")).socket.bound.port;  // closed again
  const std::string text = told(try_connect("api.example", port, anything()));
  std::size_t tried = 0;
  for (std::size_t found = text.find("refused"); found != std::string::npos;
       found = text.find("refused", found + 1))
    ++tried;
  EXPECT_EQ(tried, 8U) << text;
}

TEST_F(TwoFamilies, AsksTheGuardAboutEachAddress) {
  const Upstream upstream(loop(), at("::1"));
  const Upstream other(loop(), at("127.0.0.1", upstream.socket.bound.port));
  dns.set("api.example", true, {.addresses = {"::1"}});
  dns.set("api.example", false, {.addresses = {"127.0.0.2", "127.0.0.1"}});
  const AddressRules four_alone{
      .allow_private = false, .allowed = {*base::parse_cidr("127.0.0.1/32")}, .own_listeners = {}};
  auto reached = try_connect("api.example", upstream.socket.bound.port, four_alone);
  ASSERT_TRUE(reached.has_value()) << told(reached);
  EXPECT_EQ(peer_of(**reached), "127.0.0.1");
  loop().turn(20ms);
  EXPECT_EQ(upstream.accepted, 0);
}

TEST_F(TwoFamilies, TellsWhatTheGuardSaidOnlyWhenNothingElseWorked) {
  const std::uint16_t port = Upstream(loop(), at("127.0.0.1")).socket.bound.port;  // closed again
  dns.set("api.example", true, {.addresses = {"::1"}});
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  const auto failed = try_connect(
      "api.example", port,
      {.allow_private = false, .allowed = {*base::parse_cidr("127.0.0.1/32")}, .own_listeners = {}});
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().blame(), Blame::kUpstream);
  EXPECT_NE(told(failed).find("Connection refused; the upstream's address ::1 is private"), std::string::npos)
      << told(failed);
  EXPECT_EQ(failed.error().literal(), "connecting to the upstream failed");  // that is all callers are told
}

TEST_F(ConnectorTest, ATaskThatGoesLeavesNothingBehind) {
  const DeafEndpoint deaf(at("127.0.0.1"));
  dns.set("api.example", false, {.addresses = {"127.0.0.1", "127.0.0.1", "127.0.0.1"}});
  (void)finish(resolver->resolve("api.example"));
  const Destination destination{"api.example", deaf.bound().port, anything()};
  const std::size_t before = open_descriptors();
  for (const auto time : {0ms, 50ms, 350ms}) {
    auto task = std::make_optional(connect(loop(), *resolver, destination, nullptr, {.all = 5s, .tls = 5s}));
    task->handle().resume();
    const Monotonic until = loop().now() + time;
    while (loop().now() < until) loop().turn(20ms);
    EXPECT_GT(open_descriptors(), before);
    task.reset();
    loop().turn(0ms);
    EXPECT_EQ(open_descriptors(), before);
  }
  loop().turn(50ms);
}

TEST_F(TwoFamilies, TheNextBestIsTriedWhenAWinnerIsOfNoUse) {
  const Upstream six(loop(), at("::1"));
  const Upstream four(loop(), at("127.0.0.1", six.socket.bound.port));
  TcpRace race(loop(), {six.socket.bound, four.socket.bound}, loop().now() + 15s);
  struct Run {
    static Task<Result<TcpRace::Winner>> next(TcpRace& race) { co_return co_await race.winner(); }
  };
  for (const Endpoint& expected : {six.socket.bound, four.socket.bound}) {
    auto won = finish(Run::next(race));
    ASSERT_TRUE(won.has_value());
    EXPECT_EQ(won->endpoint, expected);
    Source::retire(std::move(won->source));
  }
  EXPECT_FALSE(finish(Run::next(race)).has_value());
}

TEST_F(TwoFamiliesInStillTime, WhoLostIsNotGivenUp) {
  const DeafEndpoint deaf(at("::1"));
  const Upstream four(loop(), at("127.0.0.1"));
  TcpRace race(loop(), {deaf.bound(), four.socket.bound}, loop().now() + 600ms);
  struct Run {
    static Task<Result<TcpRace::Winner>> next(TcpRace& race) { co_return co_await race.winner(); }
  };
  std::optional<Result<TcpRace::Winner>> won, late;
  spawn(keep(Run::next(race), won));
  pass(300ms);
  ASSERT_TRUE(run_until([&] { return won.has_value(); }));
  ASSERT_TRUE(won->has_value());
  EXPECT_EQ((*won)->endpoint, four.socket.bound);
  Source::retire(std::move((*won)->source));
  spawn(keep(Run::next(race), late));
  pass(299ms);
  EXPECT_FALSE(late.has_value());
  pass(1ms + DeadlineWheel::kTick);
  ASSERT_TRUE(run_until([&] { return late.has_value(); }));
  ASSERT_FALSE(late->has_value());
  EXPECT_NE(late->error().what().find(format_endpoint(deaf.bound()) + ": no answer"), std::string_view::npos)
      << late->error().what();
}

// --- TLS -----------------------------------------------------------------------------------------

struct ConnectorTls : TwoFamilies {
  LocalCa made = *make_local_ca({"api.example"});
  std::shared_ptr<ClientTls> tls = std::make_shared<ClientTls>(
      *ClientTrust::of_pem(made.ca_pem), ClientTlsOptions{.server_name = "api.example"});
};

TEST_F(ConnectorTls, TheHandshakeHasALimitOfItsOwn) {
  const Upstream mute(loop(), at("127.0.0.1"));
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  const Monotonic start = loop().now();
  const auto late =
      try_connect("api.example", mute.socket.bound.port, anything(), {.all = 60s, .tls = 100ms}, tls);
  EXPECT_LT(loop().now() - start, 30s);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code(), Code::kUpstreamTimeout);
  EXPECT_EQ(told(late), "the TLS handshake with the upstream at " + format_endpoint(mute.socket.bound) +
                            " took too long");
}

TEST_F(ConnectorTls, TheHandshakesLimitIsWithinTheWhole) {
  const Upstream mute(loop(), at("127.0.0.1"));
  dns.set("api.example", false, {.addresses = {"127.0.0.1", "127.0.0.1"}});
  const Monotonic start = loop().now();
  const auto late =
      try_connect("api.example", mute.socket.bound.port, anything(), {.all = 200ms, .tls = 60s}, tls);
  EXPECT_LT(loop().now() - start, 30s);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code(), Code::kUpstreamTimeout);
}

TEST_F(ConnectorTls, TheNextAddressHasItsTurnAfterAHandshakeThatTookTooLong) {
  const Upstream mute(loop(), at("::1"));
  const Upstream other(loop(), at("127.0.0.1", mute.socket.bound.port));
  dns.set("api.example", true, {.addresses = {"::1"}});
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  const auto late =
      try_connect("api.example", mute.socket.bound.port, anything(), {.all = 15s, .tls = 100ms}, tls);
  EXPECT_EQ(mute.accepted, 1);
  EXPECT_EQ(other.accepted, 1);
  EXPECT_EQ(told(late), "the TLS handshake with the upstream at " + format_endpoint(other.socket.bound) +
                            " took too long");
}

TEST_F(ConnectorTls, TheNextAddressHasItsTurnAfterAHandshakeThatWasCut) {
  const Upstream cutting(loop(), at("::1"), Manners::kHangsUp);
  const Upstream other(loop(), at("127.0.0.1", cutting.socket.bound.port));
  dns.set("api.example", true, {.addresses = {"::1"}});
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  const auto late =
      try_connect("api.example", cutting.socket.bound.port, anything(), {.all = 1500ms, .tls = 100ms}, tls);
  EXPECT_EQ(other.accepted, 1) << told(late);
}

TEST_F(ConnectorTls, ACutHandshakeIsCalledThat) {
  const Upstream cutting(loop(), at("127.0.0.1"), Manners::kHangsUp);
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  const auto cut =
      try_connect("api.example", cutting.socket.bound.port, anything(), {.all = 1500ms, .tls = 1500ms}, tls);
  EXPECT_EQ(told(cut), "the upstream at " + format_endpoint(cutting.socket.bound) +
                           " closed the connection during the TLS handshake");
  EXPECT_EQ(cut.error().code(), Code::kUpstreamFailed);
}

TEST_F(ConnectorTls, WhatIsNoTlsAtAllEndsIt) {
  const Upstream plain(loop(), at("::1"), Manners::kSpeaksHttp);
  const Upstream other(loop(), at("127.0.0.1", plain.socket.bound.port));
  dns.set("api.example", true, {.addresses = {"::1"}});
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  const auto failed =
      try_connect("api.example", plain.socket.bound.port, anything(), {.all = 1500ms, .tls = 1500ms}, tls);
  ASSERT_FALSE(failed.has_value());
  EXPECT_TRUE(told(failed).starts_with("TLS with the upstream at " + format_endpoint(plain.socket.bound)))
      << told(failed);
  EXPECT_EQ(other.accepted, 0);
}

// --- Listening, and endpoints --------------------------------------------------------------------

TEST_F(OneUpstream, APortThatIsTakenIsNamed) {
  const auto second = listen_on(upstream.socket.bound, false);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().what().find(format_endpoint(upstream.socket.bound)), std::string_view::npos);
  EXPECT_NE(second.error().what().find("in use"), std::string_view::npos);
}

TEST(Endpoint, IsReadStrictly) {
  EXPECT_EQ(format_endpoint(*parse_endpoint("127.0.0.1:8443")), "127.0.0.1:8443");
  EXPECT_EQ(format_endpoint(*parse_endpoint("[::1]:0")), "[::1]:0");
  for (const char* bad : {"", "8443", "localhost:80", "::1:80", "[127.0.0.1]:80", "127.0.0.1:65536",
                          "127.0.0.1:", "127.0.0.1:+1"})
    EXPECT_FALSE(parse_endpoint(bad).has_value()) << bad;
}

}  // namespace
}  // namespace claviger::net
