// SPDX-License-Identifier: Apache-2.0
#include "net/client_identity.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

#include "crypto/openssl_owned.h"
#include "net/testing/loop_fixture.h"
#include "net/testing/test_authority.h"
#include "net/tls.h"

namespace claviger::net {
namespace {

using testing::Identity;
using testing::TestAuthority;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}
std::string pem_of(const X509* certificate) {
  const OwnedBio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(bio.get());
}
std::string pem_of(const EVP_PKEY* key, const char* password = nullptr) {
  const OwnedBio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key, password != nullptr ? EVP_aes_256_cbc() : nullptr, password,
                                password != nullptr ? 4 : 0, nullptr, nullptr);
  return text_of(bio.get());
}
std::string pem_of(const Identity& identity) {
  return pem_of(identity.certificate.get()) + pem_of(identity.key.get());
}

std::string refusal(const std::string& pem) {
  const auto made = ClientIdentity::of_pem(pem);
  if (made.has_value()) return "taken";
  EXPECT_EQ(made.error().code(), Code::kInvalid);
  return std::string(made.error().what());
}
bool says(const std::string& pem, std::string_view what) {
  return refusal(pem).find(what) != std::string::npos;
}

struct ClientIdentityText : ::testing::Test {
  TestAuthority root{"Test clients CA"};
  Identity one = root.issue();
  Identity two = root.issue();
};

TEST_F(ClientIdentityText, MayStandInAnyOrder) {
  EXPECT_EQ(refusal(pem_of(one)), "taken");
  EXPECT_EQ(refusal(pem_of(one.key.get()) + root.pem() + pem_of(one.certificate.get())), "taken");
  EXPECT_EQ(refusal("a comment\n" + pem_of(one) + "and another\n"), "taken");
}

TEST_F(ClientIdentityText, SaysWhatIsWrongAndWhatToDo) {
  EXPECT_TRUE(says("", "there is no certificate; it has to be PEM"));
  EXPECT_TRUE(says(pem_of(one.key.get()), "there is no certificate"));
  EXPECT_TRUE(says(pem_of(one.certificate.get()), "there is no private key"));
  EXPECT_TRUE(
      says(pem_of(one.certificate.get()) + pem_of(two.key.get()), "that of none of the certificates"));
  EXPECT_TRUE(says(pem_of(one.certificate.get()) + pem_of(one.key.get(), "fake"), "has a password"));
  EXPECT_TRUE(says(
      pem_of(one.certificate.get()).substr(0, 200) + "\n-----END CERTIFICATE-----\n" + pem_of(one.key.get()),
      "damaged, or cut off"));
  std::string many = pem_of(one);
  for (int i = 0; i < 10; ++i) many += root.pem();
  EXPECT_TRUE(says(many, "over 10 certificates"));
}

TEST_F(ClientIdentityText, HasToBeStrongEnoughForTls) {
  const OwnedKey weak(EVP_RSA_gen(1024));
  X509_set_pubkey(one.certificate.get(), weak.get());
  root.sign(one);
  EXPECT_TRUE(says(pem_of(one.certificate.get()) + pem_of(weak.get()), "cannot be used for TLS"));
}

TEST_F(ClientIdentityText, EndsWithTheFirstOfItsChain) {
  const Identity brief = root.issue({.valid_from = -100, .valid_to = 1000});
  const auto alone = ClientIdentity::of_pem(pem_of(brief));
  const auto lasting = ClientIdentity::of_pem(pem_of(one));
  const auto chained = ClientIdentity::of_pem(pem_of(one) + pem_of(brief.certificate.get()));
  ASSERT_TRUE(alone.has_value() && lasting.has_value() && chained.has_value());
  EXPECT_LT((*alone)->good_until(), (*lasting)->good_until());
  EXPECT_EQ((*chained)->good_until(), (*alone)->good_until());
}

// Whoever goes by it shows another chain with the same certificate, too.
TEST_F(ClientIdentityText, IsAnotherWithAnotherChain) {
  const auto of = [](const std::string& pem) { return (*ClientIdentity::of_pem(pem))->fingerprint(); };
  const std::string own = pem_of(one);
  EXPECT_EQ(of(own), of(pem_of(one.key.get()) + pem_of(one.certificate.get())));
  EXPECT_NE(of(own), of(pem_of(two)));
  EXPECT_NE(of(own), of(own + root.pem()));
  EXPECT_NE(of(own + root.pem()), of(own + pem_of(two.certificate.get())));
}

// An upstream that lets nobody in whom it does not know, and says the fingerprint of whom it does, and whether the session was there
// before.
class Verifier {
 public:
  Verifier(const Identity& identity, const TestAuthority& clients, int version)
      : context_(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX* const context = context_.get();
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    CLV_CHECK(SSL_CTX_use_certificate(context, identity.certificate.get()) == 1);
    CLV_CHECK(SSL_CTX_use_PrivateKey(context, identity.key.get()) == 1);
    CLV_CHECK(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), clients.certificate()) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    static constexpr unsigned char kId[] = "test";
    SSL_CTX_set_session_id_context(context, kId, sizeof kId);
  }
  void accept(int fd) {
    close();
    fd_ = fd;
    ssl_.reset(SSL_new(context_.get()));
    CLV_CHECK(SSL_set_fd(ssl_.get(), fd) == 1);
    said_ = false;
  }
  void turn() {
    if (!ssl_ || said_ || SSL_accept(ssl_.get()) != 1) return;
    const X509* shown = SSL_get0_peer_certificate(ssl_.get());
    std::array<char, 64> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name.data(), name.size());
    const std::string text =
        std::string(SSL_session_reused(ssl_.get()) == 1 ? "again " : "first ") + name.data();
    said_ = SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) > 0;
  }
  void close() {
    if (ssl_) SSL_set_quiet_shutdown(ssl_.get(), 1);  // the other end may be gone
    if (ssl_) SSL_shutdown(ssl_.get());
    ssl_.reset();
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  ~Verifier() { close(); }

 private:
  crypto::Owned<SSL_CTX, SSL_CTX_free> context_;
  crypto::Owned<SSL, SSL_free> ssl_;
  int fd_ = -1;
  bool said_ = false;
};

struct ClientIdentityTls : ::testing::TestWithParam<int>, testing::LoopFixture {
  TestAuthority servers{"Test upstream CA"};
  TestAuthority clients{"Test clients CA"};
  Identity server = servers.issue({.names = "DNS:api.example", .usage = "serverAuth"});
  std::shared_ptr<const ClientTrust> trust = *ClientTrust::of_pem(servers.pem());
  Verifier upstream{server, clients, GetParam()};

  std::shared_ptr<ClientTls> client(const std::string& pem) const {
    ClientTlsOptions options{.server_name = "api.example"};
    if (!pem.empty()) options.identity = *ClientIdentity::of_pem(pem);
    return std::make_shared<ClientTls>(trust, std::move(options));
  }

  static Task<Result<std::string>> ask(std::unique_ptr<Source> source, std::shared_ptr<ClientTls> tls) {
    auto stream = CLV_CO_TRY(co_await connect_tls(std::move(source), std::move(tls)));
    std::string told(64, '\0');
    told.resize(CLV_CO_TRY(co_await stream->read(told)));
    co_return told;
  }
  static Task<void> keep(Task<Result<std::string>> task, std::optional<Result<std::string>>& into) {
    into.emplace(co_await std::move(task));
  }
  // What the upstream says, or the error.
  std::string told(std::shared_ptr<ClientTls> tls) {
    std::array<int, 2> fds{};
    CLV_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    upstream.accept(fds[0]);
    auto source = *Source::create(loop(), fds[1]);
    source->set_deadline(loop().now() + std::chrono::seconds(20));
    std::optional<Result<std::string>> answer;
    spawn(keep(ask(std::move(source), std::move(tls)), answer));
    EXPECT_TRUE(run_until([&] {
      upstream.turn();
      return answer.has_value();
    }));
    upstream.close();
    return answer->has_value() ? **answer : std::string(answer->error().what());
  }
};
INSTANTIATE_TEST_SUITE_P(Tls, ClientIdentityTls, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& info) { return info.param == TLS1_2_VERSION ? "12" : "13"; });

TEST_P(ClientIdentityTls, IsShownAndResumedBySessionsOfItsOwn) {
  const auto one = client(pem_of(clients.issue()));
  EXPECT_EQ(told(one), "first caller");
  EXPECT_EQ(told(one), "again caller");
  EXPECT_EQ(told(one->clone()), "first caller");
  EXPECT_EQ(told(client(pem_of(clients.issue()))), "first caller");
}

TEST_P(ClientIdentityTls, IsOfAnyKindOfKey) {
  for (const char* const kind : {"RSA", "ED25519"}) {
    Identity identity = clients.issue();
    const OwnedKey key(std::string_view(kind) == "RSA" ? EVP_RSA_gen(2048)
                                                       : EVP_PKEY_Q_keygen(nullptr, nullptr, kind));
    X509_set_pubkey(identity.certificate.get(), key.get());
    clients.sign(identity);
    EXPECT_EQ(told(client(pem_of(identity.certificate.get()) + pem_of(key.get()))), "first caller") << kind;
  }
}

TEST_P(ClientIdentityTls, BringsItsChain) {
  const TestAuthority below = clients.subordinate("Test intermediate");
  const Identity identity = below.issue();
  EXPECT_EQ(told(client(pem_of(identity) + pem_of(below.certificate()))), "first caller");
  EXPECT_NE(told(client(pem_of(identity))).find("does not know the CA of the certificate"),
            std::string::npos);
}

TEST_P(ClientIdentityTls, SaysWhyTheUpstreamDoesNotTakeIt) {
  EXPECT_NE(
      told(client(pem_of(clients.issue({.valid_to = -10})))).find("says that the certificate has expired"),
      std::string::npos);
  const std::string without = told(client(""));
  if (GetParam() == TLS1_3_VERSION) {
    EXPECT_NE(without.find("client_certificate"), std::string::npos) << without;
  }
}

}  // namespace
}  // namespace claviger::net
