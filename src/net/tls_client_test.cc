// SPDX-License-Identifier: Apache-2.0
// What upstreams have to prove beyond a certificate that is valid: pins and versions, on resumed sessions too.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

#include "crypto/openssl_owned.h"
#include "net/testing/loop_fixture.h"
#include "net/testing/skipping_clock.h"
#include "net/testing/test_authority.h"
#include "net/tls.h"

namespace claviger::net {
namespace {

using testing::Identity;
using testing::TestAuthority;
using Pin = std::array<std::byte, 32>;

// Of the key in a certificate, by another way than the code's.
Pin pin_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(X509_get0_pubkey(certificate), &der);
  Pin pin;
  CLV_CHECK(size > 0 &&
            EVP_Digest(der, static_cast<std::size_t>(size), reinterpret_cast<unsigned char*>(pin.data()),
                       nullptr, EVP_sha256(), nullptr) == 1);
  OPENSSL_free(der);
  return pin;
}

// An upstream: shows what it is told to, speaks the versions it is told to, and greets with one byte.
class TlsUpstream {
 public:
  TlsUpstream(const Identity& identity, int least, int most) : context_(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX_set_min_proto_version(context_.get(), least);
    SSL_CTX_set_max_proto_version(context_.get(), most);
    CLV_CHECK(SSL_CTX_use_certificate(context_.get(), identity.certificate.get()) == 1);
    CLV_CHECK(SSL_CTX_use_PrivateKey(context_.get(), identity.key.get()) == 1);
    for (X509* link : identity.chain) CLV_CHECK(SSL_CTX_add1_chain_cert(context_.get(), link) == 1);
  }
  void accept(int fd) {
    close();
    fd_ = fd;
    ssl_.reset(SSL_new(context_.get()));
    CLV_CHECK(SSL_set_fd(ssl_.get(), fd) == 1);
    greeted_ = false;
  }
  void turn() {
    if (!greeted_ && SSL_accept(ssl_.get()) == 1) greeted_ = SSL_write(ssl_.get(), "!", 1) == 1;
  }
  // A record with `text` in it, which is not sent.
  std::string record(std::string_view text) {
    BIO* memory = BIO_new(BIO_s_mem());
    SSL_set0_wbio(ssl_.get(), memory);
    CLV_CHECK(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) > 0);
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    return {data, static_cast<std::size_t>(size)};
  }
  void send(std::string_view bytes) const {
    CLV_CHECK(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  void close() {
    ssl_.reset();
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  ~TlsUpstream() { close(); }
  TlsUpstream(const TlsUpstream&) = delete;
  TlsUpstream& operator=(const TlsUpstream&) = delete;

 private:
  crypto::Owned<SSL_CTX, SSL_CTX_free> context_;
  crypto::Owned<SSL, SSL_free> ssl_;
  int fd_ = -1;
  bool greeted_ = false;
};

struct SkippedTime {
  testing::SkippingClock clock;
};

struct TlsClientTest : ::testing::TestWithParam<int>, SkippedTime, testing::LoopFixture {
  TlsClientTest() : LoopFixture(SkippedTime::clock) {}
  using Opened = Result<std::unique_ptr<Stream>>;

  std::shared_ptr<ClientTls> client(std::vector<Pin> pins, bool tls13_only = false) const {
    return std::make_shared<ClientTls>(trust, ClientTlsOptions{.server_name = "api.example",
                                                               .name_is_ip = false,
                                                               .pins = std::move(pins),
                                                               .tls13_only = tls13_only});
  }
  // A handshake and the greeting, with which a TLS 1.3 ticket comes.
  static Task<Opened> greet(std::unique_ptr<Source> source, std::shared_ptr<ClientTls> tls) {
    auto stream = CLV_CO_TRY(co_await connect_tls(std::move(source), std::move(tls)));
    char byte = 0;
    CLV_CO_TRY(co_await stream->read({&byte, 1}));
    co_return stream;
  }
  static Task<void> keep(Task<Opened> task, std::optional<Opened>& into) {
    into.emplace(co_await std::move(task));
  }
  Opened shake_hands(std::shared_ptr<ClientTls> tls, TlsUpstream& other_end, bool stays = false) {
    std::array<int, 2> fds{};
    CLV_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    other_end.accept(fds[0]);
    auto source = *Source::create(loop(), fds[1]);
    source->set_deadline(loop().now() + std::chrono::seconds(20));
    std::optional<Opened> opened;
    spawn(keep(greet(std::move(source), std::move(tls)), opened));
    EXPECT_TRUE(run_until([&] {
      other_end.turn();
      return opened.has_value();
    }));
    if (!stays) other_end.close();
    return *std::move(opened);
  }
  Opened shake_hands(std::shared_ptr<ClientTls> tls) { return shake_hands(std::move(tls), upstream); }
  static std::string told(const Opened& opened) {
    return opened.has_value() ? "connected" : std::string(opened.error().what());
  }
  static constexpr const char* kNotOneOfThem =
      "the upstream's certificate is not one of those pinned (tls.pins)";

  TestAuthority root{"Test root"};
  TestAuthority intermediate = root.subordinate("Test intermediate");
  TestAuthority stranger{"Test stranger"};
  Identity identity = with_chain(intermediate.issue({.names = "DNS:api.example", .usage = "serverAuth"}));
  std::shared_ptr<const ClientTrust> trust = *ClientTrust::of_pem(root.pem());
  TlsUpstream upstream{identity, GetParam(), GetParam()};
  Pin other{};  // of nobody

  Identity with_chain(Identity made) const {
    made.chain.push_back(intermediate.certificate());
    return made;
  }
};
INSTANTIATE_TEST_SUITE_P(Tls, TlsClientTest, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& info) { return info.param == TLS1_2_VERSION ? "12" : "13"; });

TEST_P(TlsClientTest, AnyKeyOfTheVerifiedChainMayBePinned) {
  for (X509* each : {identity.certificate.get(), intermediate.certificate(), root.certificate()})
    EXPECT_EQ(told(shake_hands(client({other, pin_of(each)}))), "connected");
}

TEST_P(TlsClientTest, AChainWithoutAPinnedKeyIsRefused) {
  const auto refused = shake_hands(client({other}));
  EXPECT_EQ(told(refused), kNotOneOfThem);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kUpstreamFailed);
}

TEST_P(TlsClientTest, AKeyThatIsMerelySentAlongIsNotInTheChain) {
  Identity padded = with_chain(intermediate.issue({.names = "DNS:api.example", .usage = "serverAuth"}));
  padded.chain.push_back(stranger.certificate());
  TlsUpstream pretender(padded, GetParam(), GetParam());
  EXPECT_EQ(told(shake_hands(client({pin_of(stranger.certificate())}), pretender)), kNotOneOfThem);
}

TEST_P(TlsClientTest, APinDoesNotMakeUpForAChainThatIsNotValid) {
  const Identity lone = stranger.issue({.names = "DNS:api.example", .usage = "serverAuth"});
  TlsUpstream pretender(lone, GetParam(), GetParam());
  EXPECT_NE(told(shake_hands(client({pin_of(lone.certificate.get())}), pretender)).find("is not valid"),
            std::string::npos);
  const Identity elsewhere =
      with_chain(intermediate.issue({.names = "DNS:evil.example", .usage = "serverAuth"}));
  TlsUpstream namesake(elsewhere, GetParam(), GetParam());
  EXPECT_NE(told(shake_hands(client({pin_of(elsewhere.certificate.get())}), namesake)).find("is not valid"),
            std::string::npos);
}

TEST_P(TlsClientTest, ASessionIsResumedUnderThePinsItWasBegunWith) {
  const auto tls = client({pin_of(identity.certificate.get())});
  auto first = shake_hands(tls);
  ASSERT_TRUE(first.has_value()) << told(first);
  EXPECT_FALSE((*first)->is_resumed());
  auto second = shake_hands(tls);
  ASSERT_TRUE(second.has_value()) << told(second);
  EXPECT_TRUE((*second)->is_resumed());
}

TEST_P(TlsClientTest, ASessionIsNotResumedUnderOtherPins) {
  ASSERT_TRUE(shake_hands(client({})).has_value());
  ASSERT_TRUE(shake_hands(client({pin_of(identity.certificate.get())})).has_value());
  EXPECT_EQ(told(shake_hands(client({other}))), kNotOneOfThem);
  // Nor by another worker's.
  const auto pinned = client({pin_of(identity.certificate.get())});
  ASSERT_TRUE(shake_hands(pinned).has_value());
  auto cloned = shake_hands(pinned->clone());
  ASSERT_TRUE(cloned.has_value());
  EXPECT_FALSE((*cloned)->is_resumed());
}

TEST_P(TlsClientTest, NoSessionComesOfARefusal) {
  const auto tls = client({other});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(told(shake_hands(tls)), kNotOneOfThem);
}

TEST_P(TlsClientTest, ASessionIsOfNoUseToAnUpstreamThatDoesNotKnowIt) {
  const auto tls = client({pin_of(identity.certificate.get())});
  ASSERT_TRUE(shake_hands(tls).has_value());
  // Somebody else at the same address, with a certificate that is valid: it has to show it, and to be pinned.
  const Identity successor =
      with_chain(intermediate.issue({.names = "DNS:api.example", .usage = "serverAuth"}));
  TlsUpstream another(successor, GetParam(), GetParam());
  EXPECT_EQ(told(shake_hands(tls, another)), kNotOneOfThem);
}

TEST_P(TlsClientTest, TheCertificateIsShownAgainAfterTwelveHoursHoweverOftenSessionsFollow) {
  const auto tls = client({});
  const auto is_resumed = [&](std::chrono::minutes later) {
    clock.skip(later);
    loop().turn(std::chrono::milliseconds(0));
    auto opened = shake_hands(tls);
    EXPECT_TRUE(opened.has_value()) << told(opened);
    return opened.has_value() && (*opened)->is_resumed();
  };
  EXPECT_FALSE(is_resumed(std::chrono::minutes(0)));
  for (int i = 0; i < 11; ++i) EXPECT_TRUE(is_resumed(std::chrono::minutes(60))) << i;
  EXPECT_FALSE(is_resumed(std::chrono::minutes(61)));
  EXPECT_TRUE(is_resumed(std::chrono::minutes(60)));
}

TEST_P(TlsClientTest, ASessionEndsWithItsCertificate) {
  const Identity brief =
      with_chain(intermediate.issue({.names = "DNS:api.example", .usage = "serverAuth", .valid_to = 5}));
  TlsUpstream ageing(brief, GetParam(), GetParam());
  const auto tls = client({});
  ASSERT_EQ(told(shake_hands(tls, ageing)), "connected");
  std::string last = "connected";
  const Monotonic give_up = loop().now() + std::chrono::seconds(30);
  while (last == "connected" && loop().now() < give_up) {
    last = told(shake_hands(tls, ageing));
    loop().turn(std::chrono::milliseconds(50));
  }
  EXPECT_NE(last.find("expired"), std::string::npos) << last;
}

TEST_P(TlsClientTest, MayAskForTls13) {
  EXPECT_EQ(shake_hands(client({}, true)).has_value(), GetParam() == TLS1_3_VERSION);
  EXPECT_EQ(told(shake_hands(client({}, false))), "connected");
  TlsUpstream both(identity, TLS1_2_VERSION, TLS1_3_VERSION);
  const auto strict = client({}, true);
  ASSERT_EQ(told(shake_hands(strict, both)), "connected");
  EXPECT_TRUE((*shake_hands(strict, both))->is_resumed());
  TlsUpstream old(identity, TLS1_2_VERSION, TLS1_2_VERSION);  // with a session at hand, too
  EXPECT_FALSE(shake_hands(strict, old).has_value());
}

// Whatever begins before anything was asked for would be taken for the answer to the next request.
TEST_P(TlsClientTest, IsNotQuietWithABeginningOfARecord) {
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{4}, std::size_t{5}, std::size_t{6}, std::size_t{20}}) {
    auto opened = shake_hands(client({}), upstream, true);
    ASSERT_TRUE(opened.has_value()) << told(opened);
    Stream& stream = **opened;
    EXPECT_TRUE(stream.is_quiet());  // tickets are nothing
    const std::string record = upstream.record("HTTP/1.1 200 OK");
    upstream.send(record.substr(0, size));
    loop().turn(std::chrono::milliseconds(20));
    EXPECT_FALSE(stream.is_quiet()) << size;
    EXPECT_FALSE(stream.is_quiet()) << size;  // nor when nothing has come since
  }
}

// --- Revocation ----------------------------------------------------------------------------------

struct RevokedTest : TlsClientTest {
  std::shared_ptr<ClientTls> client_of(const std::string& pem) {
    trust = *ClientTrust::of_pem(pem);
    return client({});
  }
};
INSTANTIATE_TEST_SUITE_P(Tls, RevokedTest, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& info) { return info.param == TLS1_2_VERSION ? "12" : "13"; });

TEST_P(RevokedTest, ACertificateIsRefusedByAListInTheCaFile) {
  EXPECT_EQ(told(shake_hands(client_of(root.pem() + root.crl({}) + intermediate.crl({})))), "connected");
  const auto refused = shake_hands(client_of(root.pem() + root.crl({}) + intermediate.crl({&identity})));
  EXPECT_NE(told(refused).find("revoked"), std::string::npos) << told(refused);
}

TEST_P(RevokedTest, ListsAreOfEveryCaOfTheChainGoodAndNotTooOld) {
  const TestAuthority namesake("Test intermediate");
  for (const std::string& lists :
       {root.crl({}), intermediate.crl({}), root.crl({}) + intermediate.crl({}, -60),
        root.crl({}, -60) + intermediate.crl({}), root.crl({}) + namesake.crl({})})
    EXPECT_NE(told(shake_hands(client_of(root.pem() + lists))).find("not valid"), std::string::npos);
}

TEST_P(RevokedTest, NoSessionOutlivesAList) {
  const auto tls = client_of(root.pem() + root.crl({}) + intermediate.crl({}));
  for (int i = 0; i < 3; ++i) {
    auto opened = shake_hands(tls);
    ASSERT_TRUE(opened.has_value()) << told(opened);
    EXPECT_FALSE((*opened)->is_resumed());
  }
}

TEST(PlainStream, IsNeverResumed) {
  testing::LoopFixture fixture;
  const testing::StreamPair pair(fixture.loop());
  EXPECT_FALSE(pair.near->is_resumed());
}

}  // namespace
}  // namespace claviger::net
