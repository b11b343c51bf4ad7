// SPDX-License-Identifier: Apache-2.0
#include "net/connector.h"

#include <gtest/gtest.h>

#include "net/listener.h"
#include "net/testing/loop_fixture.h"

namespace claviger::net {
namespace {

struct ConnectorTest : ::testing::Test, testing::LoopFixture {
  std::unique_ptr<Resolver> resolver = *Resolver::create(loop());
  ListeningSocket socket = *listen_on(*parse_endpoint("127.0.0.1:0"), false);
  int accepted = 0;
  std::unique_ptr<Acceptor> acceptor = *Acceptor::create(loop(), socket.fd, [this](int fd, const Endpoint&) {
    ++accepted;
    ::close(fd);
  });

  Result<std::unique_ptr<Stream>> try_connect(const std::string& host, AddressRules rules,
                                              std::uint16_t port = 0) {
    const Destination destination{host, port != 0 ? port : socket.bound.port, std::move(rules)};
    return finish(connect(loop(), *resolver, destination, nullptr, std::chrono::seconds(1)));
  }
};

TEST_F(ConnectorTest, ReachesAnAllowedAddress) {
  EXPECT_TRUE(
      try_connect("127.0.0.1", {.allow_private = true, .allowed = {}, .own_listeners = {}}).has_value());
  EXPECT_TRUE(run_until([&] { return accepted == 1; }));
}

TEST_F(ConnectorTest, ReachesANameByWayOfTheResolver) {
  EXPECT_TRUE(try_connect("localhost", {.allow_private = false,
                                        .allowed = {*base::parse_cidr("127.0.0.0/8")},
                                        .own_listeners = {}})
                  .has_value());
}

TEST_F(ConnectorTest, NeverTouchesAPrivateAddressUnlessAllowed) {
  for (const char* host : {"127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "0.0.0.0"}) {
    const auto refused = try_connect(host, {});
    ASSERT_FALSE(refused.has_value()) << host;
    EXPECT_EQ(refused.error().code(), Code::kUpstreamFailed) << host;
    EXPECT_EQ(refused.error().blame(), Blame::kOperator) << host;
  }
  loop().turn(std::chrono::milliseconds(20));
  EXPECT_EQ(accepted, 0);
}

TEST_F(ConnectorTest, NeverConnectsToTheGatewayItself) {
  for (const char* host : {"127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0"}) {
    const auto refused =
        try_connect(host, {.allow_private = true, .allowed = {}, .own_listeners = {socket.bound}});
    ASSERT_FALSE(refused.has_value()) << host;
  }
  const Endpoint everywhere{base::IpAddress{}, socket.bound.port};
  EXPECT_FALSE(try_connect("127.0.0.1", {.allow_private = true, .allowed = {}, .own_listeners = {everywhere}})
                   .has_value());
  loop().turn(std::chrono::milliseconds(20));
  EXPECT_EQ(accepted, 0);
}

TEST_F(ConnectorTest, SaysWhyNobodyAnswers) {
  const std::uint16_t port = socket.bound.port;
  acceptor.reset();
  const auto refused =
      try_connect("127.0.0.1", {.allow_private = true, .allowed = {}, .own_listeners = {}}, port);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().what().find("refused"), std::string_view::npos) << refused.error().what();
}

TEST_F(ConnectorTest, APortThatIsTakenIsNamed) {
  const auto second = listen_on(socket.bound, false);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().what().find(format_endpoint(socket.bound)), std::string_view::npos);
  EXPECT_NE(second.error().what().find("in use"), std::string_view::npos);
}

TEST_F(ConnectorTest, AskingTwiceForANameAtOnceGivesBothTheAnswer) {
  struct Run {
    static Task<void> into(Resolver& resolver, int& answers) {
      const auto addresses = co_await resolver.resolve("localhost");
      if (addresses.has_value() && !addresses->empty()) ++answers;
    }
  };
  int answers = 0;
  spawn(Run::into(*resolver, answers));
  spawn(Run::into(*resolver, answers));
  EXPECT_TRUE(run_until([&] { return answers == 2; }));
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
