// SPDX-License-Identifier: Apache-2.0
#include "net/tls.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/ip.h"
#include "net/local_ca.h"
#include "net/testing/folder.h"
#include "net/testing/loop_fixture.h"
#include "net/ticket_keys.h"

namespace claviger::net {
namespace {

using testing::Folder;

struct TlsTest : ::testing::Test, testing::LoopFixture {
  using Opened = Result<std::unique_ptr<Stream>>;

  static Task<void> keep(Task<Opened> task, std::optional<Opened>& into) {
    into.emplace(co_await std::move(task));
  }

  std::shared_ptr<ClientTls> client_for(const std::string& ca_file, const std::string& name) {
    std::ifstream file(ca_file);
    const std::string pem{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    return std::make_shared<ClientTls>(*ClientTrust::of_pem(pem),
                                       ClientTlsOptions{name, base::parse_ip(name).has_value()});
  }

  // Both sides of one handshake. The client's outcome is returned; the server's stream is kept.
  Opened shake_hands(std::shared_ptr<ClientTls> client_tls) {
    std::array<int, 2> fds{};
    CLV_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    std::optional<Opened> client;
    server.reset();
    spawn(keep(accept_tls(loop(), fds[0], server_tls, loop().now() + std::chrono::seconds(2)), server));
    spawn(keep(connect_tls(*Source::create(loop(), fds[1]), std::move(client_tls)), client));
    run_until([&] { return client.has_value() && server.has_value(); });
    return *std::move(client);
  }

  Folder folder;
  LocalCa made = *make_local_ca({"localhost", "127.0.0.1"});
  std::string ca = folder.write("ca.pem", made.ca_pem);
  std::unique_ptr<base::SecretArena> arena = *base::SecretArena::create({});
  SystemClock clock;
  std::unique_ptr<TicketKeys> tickets = *TicketKeys::create(*arena, clock);
  std::shared_ptr<const ServerTls> server_tls = *ServerTls::create(
      {folder.write("server.pem", made.certificate_pem), folder.write("server.key", made.key_pem)}, *tickets);
  std::optional<Opened> server;
};

Task<Result<std::string>> exchange(Stream& from, Stream& to, std::string text) {
  CLV_CO_TRY_VOID(co_await from.write_all(text));
  std::vector<char> buffer(text.size());
  std::string all;
  while (all.size() < text.size()) {
    const std::size_t got = CLV_CO_TRY(co_await to.read(buffer));
    if (got == 0) break;
    all.append(buffer.data(), got);
  }
  co_return all;
}

TEST_F(TlsTest, CarriesBytesBothWaysOnceTheCertificateIsVerified) {
  auto client = shake_hands(client_for(ca, "localhost"));
  ASSERT_TRUE(client.has_value()) << client.error().what();
  EXPECT_EQ(*finish(exchange(**client, ***server, "to the server")), "to the server");
  EXPECT_EQ(*finish(exchange(***server, **client, "to the client")), "to the client");
}

TEST_F(TlsTest, VerifiesAnAddressAgainstTheCertificateToo) {
  EXPECT_TRUE(shake_hands(client_for(ca, "127.0.0.1")).has_value());
  EXPECT_FALSE(shake_hands(client_for(ca, "127.0.0.2")).has_value());
}

TEST_F(TlsTest, RefusesACertificateForAnotherName) {
  const auto client = shake_hands(client_for(ca, "example.com"));
  ASSERT_FALSE(client.has_value());
  EXPECT_EQ(client.error().code(), Code::kUpstreamFailed);
  EXPECT_NE(client.error().what().find("certificate is not valid"), std::string_view::npos);
}

TEST_F(TlsTest, RefusesACertificateOfAnotherCa) {
  const std::string other = folder.write("other.pem", make_local_ca({"localhost"})->ca_pem);
  EXPECT_FALSE(shake_hands(client_for(other, "localhost")).has_value());
}

TEST_F(TlsTest, ACutConnectionIsAnErrorAndACloseNotifyIsTheEnd) {
  auto client = shake_hands(client_for(ca, "localhost"));
  ASSERT_TRUE(client.has_value());
  char byte = 0;
  struct Run {
    static Task<Result<std::size_t>> read(Stream& stream, std::span<char> into) {
      co_return co_await stream.read(into);
    }
  };
  (**server)->shutdown_write();
  const auto end = finish(Run::read(**client, {&byte, 1}));
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(*end, 0U);

  auto second = shake_hands(client_for(ca, "localhost"));
  server.reset();  // without goodbye
  const auto cut = finish(Run::read(**second, {&byte, 1}));
  ASSERT_FALSE(cut.has_value());
  EXPECT_EQ(cut.error().code(), Code::kClosed);
}

TEST_F(TlsTest, NamesTheFileThatIsNoCertificate) {
  const auto bad =
      ServerTls::create({folder.write("junk.pem", "junk"), folder.write("junk.key", "junk")}, *tickets);
  ASSERT_FALSE(bad.has_value());
  EXPECT_NE(bad.error().what().find("junk.pem"), std::string_view::npos);
}

TEST_F(TlsTest, TrustIsMadeOfCertificatesOrNotAtAll) {
  for (const std::string& pem :
       {std::string(), std::string("junk"), made.key_pem, made.ca_pem.substr(0, made.ca_pem.size() / 2)})
    EXPECT_FALSE(ClientTrust::of_pem(pem).has_value()) << pem;
  EXPECT_TRUE(ClientTrust::of_pem("a comment\n" + made.ca_pem + made.ca_pem).has_value());
  EXPECT_TRUE(ClientTrust::of_system().has_value());
}

TEST_F(TlsTest, ASessionIsResumedByItsOwnNameAloneHoweverTrustIsShared) {
  const auto trust = *ClientTrust::of_pem(made.ca_pem);
  const auto by_name = std::make_shared<ClientTls>(trust, ClientTlsOptions{"localhost", false});
  const auto by_address = std::make_shared<ClientTls>(trust, ClientTlsOptions{"127.0.0.1", true});
  const auto of_another = std::make_shared<ClientTls>(trust, ClientTlsOptions{"example.com", false});
  ASSERT_TRUE(shake_hands(by_name).has_value());
  EXPECT_TRUE(shake_hands(by_address).has_value());
  // Had it the session of the others, nobody would look at the certificate again.
  EXPECT_FALSE(shake_hands(of_another).has_value());
  EXPECT_FALSE(
      shake_hands(std::make_shared<ClientTls>(*ClientTrust::of_pem(make_local_ca({"localhost"})->ca_pem),
                                              ClientTlsOptions{"localhost", false}))
          .has_value());
}

TEST_F(TlsTest, RefusesAKeyThatIsNotTheCertificates) {
  const auto mixed = ServerTls::create({folder.write("a.pem", made.certificate_pem),
                                        folder.write("b.key", make_local_ca({"localhost"})->key_pem)},
                                       *tickets);
  EXPECT_FALSE(mixed.has_value());
}

TEST_F(TlsTest, HandshakesAreCountedByWhatTheyWere) {
  using telemetry::Side;
  using telemetry::TlsHandshake;
  telemetry::WorkerMetrics metrics;
  loop().count_in(&metrics);
  const auto tls = client_for(ca, "localhost");
  {
    auto client = shake_hands(tls);
    ASSERT_TRUE(client.has_value());
    ASSERT_TRUE(finish(exchange(***server, **client, "with the ticket")).has_value());
  }
  EXPECT_EQ(metrics.value(TlsHandshake{Side::kCaller, true, false}), 1U);
  EXPECT_EQ(metrics.value(TlsHandshake{Side::kUpstream, true, false}), 1U);
  ASSERT_TRUE(shake_hands(tls).has_value());
  EXPECT_EQ(metrics.value(TlsHandshake{Side::kCaller, true, true}), 1U);
  EXPECT_EQ(metrics.value(TlsHandshake{Side::kUpstream, true, true}), 1U);
  EXPECT_EQ(metrics.value(TlsHandshake{Side::kCaller, true, false}), 1U);
  server.reset();
  loop().count_in(nullptr);
}

// However many want to shake hands, what is going on with others waits for one of them at the most.
TEST_F(TlsTest, HandshakesOfMoreThanOneAreBegunOneInEachTurn) {
  constexpr int kCallers = 12;
  telemetry::WorkerMetrics metrics;
  loop().count_in(&metrics);
  const auto begun = [&] {
    return metrics.value(telemetry::TlsHandshake{telemetry::Side::kUpstream, true, false});
  };
  std::array<std::optional<Opened>, kCallers> callers, accepted;
  for (int i = 0; i < kCallers; ++i) {
    std::array<int, 2> fds{};
    CLV_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    const auto at = static_cast<std::size_t>(i);
    spawn(keep(connect_tls(*Source::create(loop(), fds[1]), client_for(ca, "localhost")), callers[at]));
    spawn(
        keep(accept_tls(loop(), fds[0], server_tls, loop().now() + std::chrono::seconds(30)), accepted[at]));
  }
  // A client is through as soon as it has seen the server's first words.
  for (std::uint64_t turns = 1; begun() < kCallers && turns < 200; ++turns) {
    loop().turn(std::chrono::milliseconds(20));
    ASSERT_LE(begun(), turns);
  }
  EXPECT_EQ(begun(), kCallers);
  ASSERT_TRUE(
      run_until([&] { return std::ranges::all_of(accepted, [](auto& one) { return one.has_value(); }); }));
  for (auto& one : accepted) EXPECT_TRUE(one->has_value());
  loop().count_in(nullptr);
}

TEST_F(TlsTest, ACallerThatLeavesBeforeItsTurnCostsNoHandshake) {
  telemetry::WorkerMetrics metrics;
  loop().count_in(&metrics);
  std::array<std::array<int, 2>, 2> fds{};
  std::array<std::optional<Opened>, 2> accepted;
  for (std::size_t i = 0; i < 2; ++i) {
    CLV_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds[i].data()) == 0);
    spawn(keep(accept_tls(loop(), fds[i][0], server_tls, loop().now() + std::chrono::seconds(30)),
               accepted[i]));
    ASSERT_EQ(::send(fds[i][1], "\x16", 1, 0), 1);
  }
  loop().turn(std::chrono::milliseconds(20));  // the newer one has its turn; the older waits
  ::close(fds[0][1]);
  ASSERT_TRUE(run_until([&] { return accepted[0].has_value(); }));
  EXPECT_EQ(accepted[0]->error().code(), Code::kClosed);
  ::close(fds[1][1]);
  ASSERT_TRUE(run_until([&] { return accepted[1].has_value(); }));
  loop().count_in(nullptr);
}

TEST_F(TlsTest, HandshakesThatFailAreCountedByReason) {
  using telemetry::Side;
  using telemetry::TlsFailure;
  telemetry::WorkerMetrics metrics;
  loop().count_in(&metrics);
  EXPECT_FALSE(shake_hands(client_for(ca, "example.com")).has_value());
  EXPECT_EQ(metrics.value(Side::kUpstream, TlsFailure::kCertificate), 1U);
  EXPECT_EQ(metrics.value(Side::kCaller, TlsFailure::kCertificate), 1U);  // by the alert

  const auto accept = [&](const auto& act) {
    std::array<int, 2> fds{};
    CLV_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    act(fds[1]);
    server.reset();
    spawn(keep(accept_tls(loop(), fds[0], server_tls, loop().now() + std::chrono::milliseconds(60)), server));
    run_until([&] { return server.has_value(); });
    ::close(fds[1]);
    return server->has_value();
  };
  const auto send = [](int fd, std::string_view text) {
    CLV_CHECK(::send(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  };
  EXPECT_FALSE(accept([](int) {}));
  EXPECT_EQ(metrics.value(Side::kCaller, TlsFailure::kTimeout), 1U);
  EXPECT_FALSE(accept([](int fd) { ::shutdown(fd, SHUT_RDWR); }));
  EXPECT_EQ(metrics.value(Side::kCaller, TlsFailure::kClosed), 1U);
  EXPECT_FALSE(accept([&](int fd) { send(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); }));
  EXPECT_EQ(metrics.value(Side::kCaller, TlsFailure::kOther), 1U);
  // A goodbye before any hello: a close_notify in a record of its own.
  EXPECT_FALSE(accept([&](int fd) { send(fd, std::string_view("\x15\x03\x03\x00\x02\x01\x00", 7)); }));
  EXPECT_EQ(
      metrics.value(Side::kCaller, TlsFailure::kClosed) + metrics.value(Side::kCaller, TlsFailure::kOther),
      3U);
  loop().count_in(nullptr);
}

TEST_F(TlsTest, TheLocalCaIsConstrainedToWhatItSigned) {
  // A second leaf cannot be made (the key is gone), so the constraint itself is looked for.
  EXPECT_NE(made.ca_pem.find("BEGIN CERTIFICATE"), std::string::npos);
  const std::string file = folder.write("look.pem", made.ca_pem);
  std::FILE* text = ::popen(("openssl x509 -noout -text -in " + file).c_str(), "r");
  std::string all(1 << 14, '\0');
  all.resize(std::fread(all.data(), 1, all.size(), text));
  ::pclose(text);
  EXPECT_NE(all.find("X509v3 Name Constraints: critical"), std::string::npos);
  EXPECT_NE(all.find("DNS:localhost"), std::string::npos);
  EXPECT_NE(all.find("IP:127.0.0.1/255.255.255.255"), std::string::npos);
}

}  // namespace
}  // namespace claviger::net
