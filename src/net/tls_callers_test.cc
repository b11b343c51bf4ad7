// SPDX-License-Identifier: Apache-2.0
// What callers have to prove, and what of it a session ticket proves for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "base/testing/fake_clock.h"
#include "net/local_ca.h"
#include "net/testing/folder.h"
#include "net/testing/loop_fixture.h"
#include "net/testing/tls_caller.h"
#include "net/ticket_keys.h"
#include "net/tls.h"

namespace claviger::net {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using testing::Folder;
using ::testing::HasSubstr;
using testing::Identity;
using testing::Session;
using ::testing::StartsWith;
using testing::TestAuthority;
using testing::TlsCaller;
using testing::Wanted;

// On both versions of TLS, which resume in quite different ways.
struct CallersTest : ::testing::TestWithParam<int>, testing::LoopFixture {
  CallersTest() { clock.set_wall(SystemClock().wall()); }

  static Task<void> keep(Task<Result<std::unique_ptr<Stream>>> task,
                         std::optional<Result<std::unique_ptr<Stream>>>& into) {
    into.emplace(co_await std::move(task));
  }

  std::shared_ptr<const ServerTls> server(const std::string& ca_pem, bool is_optional = false) {
    return *ServerTls::create(options(ca_pem, is_optional), *tickets);
  }
  ServerTlsOptions options(const std::string& ca_pem, bool is_optional = false) {
    return {folder.write("server.pem", made.certificate_pem), folder.write("server.key", made.key_pem),
            ca_pem.empty() ? "" : folder.write("callers.pem", ca_pem), is_optional};
  }

  struct Outcome {
    bool is_in = false;
    bool is_resumed = false;
    bool has_certificate = false;
    PeerCertificate certificate;
    Session session;  // given
  };
  Outcome shake_hands(const std::shared_ptr<const ServerTls>& tls, const Identity* identity = nullptr,
                      const Session& offered = nullptr) {
    std::array<int, 2> fds{};
    CLV_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    std::optional<Result<std::unique_ptr<Stream>>> accepted;
    spawn(keep(accept_tls(loop(), fds[0], tls, loop().now() + std::chrono::seconds(2)), accepted));
    TlsCaller caller(fds[1], identity, offered, GetParam());
    EXPECT_TRUE(run_until([&] {
      caller.turn();
      if (!accepted.has_value()) return false;
      if (!accepted->has_value() || caller.has_failed()) return true;
      return caller.is_connected() && (caller.given() || GetParam() == TLS1_2_VERSION);
    }));
    Outcome outcome{.is_in = accepted->has_value(), .certificate = {}, .session = caller.given()};
    if (!outcome.is_in) return outcome;
    outcome.is_resumed = caller.was_resumed();
    if (const PeerCertificate* shown = (**accepted)->peer_certificate(*tls); shown != nullptr) {
      outcome.has_certificate = true;
      outcome.certificate = *shown;
    }
    stream = **std::move(accepted);
    return outcome;
  }

  Folder folder;
  LocalCa made = *make_local_ca({"localhost"});
  std::unique_ptr<base::SecretArena> arena = *base::SecretArena::create({});
  base::testing::FakeClock clock;
  std::unique_ptr<TicketKeys> tickets = *TicketKeys::create(*arena, clock);
  TestAuthority authority;
  Identity good = authority.issue();
  std::unique_ptr<Stream> stream;  // of the last that got in
};
INSTANTIATE_TEST_SUITE_P(Tls, CallersTest, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& info) { return info.param == TLS1_2_VERSION ? "12" : "13"; });

// --- Who gets in ---------------------------------------------------------------------------------

TEST_P(CallersTest, AreAskedForNothingWhereNoCaIsNamed) {
  const Outcome outcome = shake_hands(server(""), &good);
  EXPECT_TRUE(outcome.is_in);
  EXPECT_FALSE(outcome.has_certificate);
}

TEST_P(CallersTest, GetInWithACertificateOfTheCa) {
  const Outcome outcome = shake_hands(server(authority.pem()), &good);
  ASSERT_TRUE(outcome.is_in && outcome.has_certificate);
  EXPECT_THAT(outcome.certificate.names, ElementsAre("dns:caller.example", StartsWith("sha256:")));
  EXPECT_EQ(outcome.certificate.names.back().size(), 7U + 64U);
  EXPECT_TRUE(outcome.certificate.expires > clock.wall() + hours(23));
  EXPECT_TRUE(outcome.certificate.expires < clock.wall() + hours(25));
}

TEST_P(CallersTest, DoNotGetInWithoutOneUnlessItIsOptional) {
  EXPECT_FALSE(shake_hands(server(authority.pem())).is_in);
  const Outcome outcome = shake_hands(server(authority.pem(), true));
  EXPECT_TRUE(outcome.is_in);
  EXPECT_FALSE(outcome.has_certificate);
}

TEST_P(CallersTest, DoNotGetInWithABadOneEvenWhereNoneIsNeeded) {
  const TestAuthority other;
  const Identity strangers = other.issue();
  const Identity expired = authority.issue({.valid_from = -7200, .valid_to = -3600});
  const Identity early = authority.issue({.valid_from = 3600});
  const Identity servers = authority.issue({.usage = "serverAuth"});
  for (const bool is_optional : {false, true}) {
    const auto tls = server(authority.pem(), is_optional);
    for (const Identity* bad : {&strangers, &expired, &early, &servers})
      EXPECT_FALSE(shake_hands(tls, bad).is_in) << is_optional;
  }
}

TEST_P(CallersTest, GetInByWayOfIntermediateCasToABound) {
  std::vector<std::unique_ptr<TestAuthority>> chain;
  chain.push_back(std::make_unique<TestAuthority>("root"));
  const auto tls = server(chain[0]->pem());
  for (int depth = 1; depth <= 5; ++depth) {
    chain.push_back(std::make_unique<TestAuthority>(
        chain.back()->subordinate(("intermediate " + std::to_string(depth)).c_str())));
    Identity caller = chain.back()->issue();
    for (std::size_t i = chain.size() - 1; i > 0; --i) caller.chain.push_back(chain[i]->certificate());
    EXPECT_EQ(shake_hands(tls, &caller).is_in, depth <= 4) << depth;
  }
}

TEST_P(CallersTest, OfAnIntermediateCaAreTrustedWithoutItsRoot) {
  const TestAuthority intermediate = authority.subordinate("intermediate");
  const Identity caller = intermediate.issue();
  const auto tls = server(intermediate.pem());
  EXPECT_TRUE(shake_hands(tls, &caller).is_in);
  EXPECT_FALSE(shake_hands(tls, &good).is_in);  // of the root, which nobody named
}

TEST_P(CallersTest, DoNotGetInOnceRevoked) {
  const Identity bad = authority.issue();
  const auto tls = server(authority.pem() + authority.crl({&bad}));
  EXPECT_TRUE(shake_hands(tls, &good).is_in);
  EXPECT_FALSE(shake_hands(tls, &bad).is_in);
}

TEST_P(CallersTest, DoNotGetInByAListOfTheRevokedThatIsTooOldOrMissing) {
  EXPECT_FALSE(shake_hands(server(authority.pem() + authority.crl({}, -60)), &good).is_in);
  const TestAuthority other("another CA");
  EXPECT_FALSE(shake_hands(server(authority.pem() + other.pem() + other.crl({})), &good).is_in);
}

TEST_P(CallersTest, DoNotGetInByAListThatTheirCaDidNotSign) {
  const TestAuthority namesake;
  EXPECT_FALSE(shake_hands(server(authority.pem() + namesake.crl({})), &good).is_in);
  EXPECT_FALSE(shake_hands(server(authority.pem() + namesake.pem() + namesake.crl({})), &good).is_in);
  EXPECT_TRUE(shake_hands(server(authority.pem() + authority.pem() + authority.crl({})), &good).is_in);
}

// A signature that was verified once stays so; a date does not.
TEST_P(CallersTest, DoNotGetInByAListThatHasGrownTooOldSinceItWasRead) {
  const auto tls = server(authority.pem() + authority.crl({}, 2));
  bool is_in = true;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (is_in && std::chrono::steady_clock::now() < give_up) {
    is_in = shake_hands(tls, &good).is_in;
    loop().turn(std::chrono::milliseconds(100));
  }
  EXPECT_FALSE(is_in);
}

// --- Their names ---------------------------------------------------------------------------------

TEST_P(CallersTest, AreKnownByTheirNamesInOneForm) {
  const Identity caller = authority.issue(
      {.names = "DNS:API.Example.COM,URI:spiffe://Trust.Domain/Ns/A,email:Some.One@Example.COM,IP:10.0.0.1"});
  const Outcome outcome = shake_hands(server(authority.pem()), &caller);
  EXPECT_THAT(outcome.certificate.names, ElementsAre("dns:api.example.com", "uri:spiffe://Trust.Domain/Ns/A",
                                                     "email:Some.One@example.com", StartsWith("sha256:")));
}

TEST_P(CallersTest, WithoutNamesAreKnownByTheirFingerprint) {
  const Identity caller = authority.issue({.names = ""});
  EXPECT_THAT(shake_hands(server(authority.pem()), &caller).certificate.names,
              ElementsAre(StartsWith("sha256:")));
}

TEST_P(CallersTest, AreRefusedWithNamesBeyondAllBounds) {
  std::string names;
  for (int i = 0; i < 32; ++i) names += (i > 0 ? ",DNS:n" : "DNS:n") + std::to_string(i);
  const auto tls = server(authority.pem());
  const Identity most = authority.issue({.names = names});
  const Identity more = authority.issue({.names = names + ",IP:10.0.0.1"});
  const Identity longest = authority.issue({.names = "URI:a:" + std::string(510, 'x')});
  const Identity longer = authority.issue({.names = "URI:a:" + std::string(511, 'x')});
  const Identity spaced = authority.issue({.names = "email:two words@example.com"});
  EXPECT_EQ(shake_hands(tls, &most).certificate.names.size(), 33U);
  EXPECT_TRUE(shake_hands(tls, &longest).is_in);
  telemetry::WorkerMetrics metrics;
  loop().count_in(&metrics);
  for (const Identity* bad : {&more, &longer, &spaced}) EXPECT_FALSE(shake_hands(tls, bad).is_in);
  using telemetry::Side;
  EXPECT_EQ(metrics.value(Side::kCaller, telemetry::TlsFailure::kCertificate), 3U);
  EXPECT_EQ(metrics.value(telemetry::TlsHandshake{Side::kCaller, GetParam() == TLS1_3_VERSION, false}), 0U);
  stream.reset();
  loop().count_in(nullptr);
}

// "good.example\0.evil.example", which a reader of C strings takes for the first half.
TEST_P(CallersTest, AreRefusedWithANulInAName) {
  Identity caller = authority.issue({.names = ""});
  GENERAL_NAMES* names = GENERAL_NAMES_new();
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, "good.example\0.evil.example", 26);
  GENERAL_NAME_set0_value(name, GEN_DNS, text);
  sk_GENERAL_NAME_push(names, name);
  ASSERT_EQ(X509_add1_ext_i2d(caller.certificate.get(), NID_subject_alt_name, names, 0, 0), 1);
  GENERAL_NAMES_free(names);
  authority.sign(caller);
  EXPECT_FALSE(shake_hands(server(authority.pem()), &caller).is_in);
}

// --- Sessions ------------------------------------------------------------------------------------

TEST_P(CallersTest, ResumeAcrossAReloadAndStayWhoTheyAre) {
  const Outcome first = shake_hands(server(authority.pem()), &good);
  ASSERT_TRUE(first.session);
  const auto reloaded = server(authority.pem());
  const Outcome second = shake_hands(reloaded, nullptr, first.session);
  ASSERT_TRUE(second.is_in);
  EXPECT_TRUE(second.is_resumed);
  EXPECT_EQ(second.certificate.names, first.certificate.names);
  EXPECT_EQ(second.certificate.expires, first.certificate.expires);
}

TEST_P(CallersTest, ResumeWithoutACertificateAsNobody) {
  const Outcome first = shake_hands(server(authority.pem(), true));
  const Outcome second = shake_hands(server(authority.pem(), true), nullptr, first.session);
  EXPECT_TRUE(second.is_resumed);
  EXPECT_FALSE(second.has_certificate);
}

TEST_P(CallersTest, DoNotResumeWhereSomethingElseIsAskedOfThem) {
  const TestAuthority other("another CA");
  const Identity elsewhere = other.issue();
  const std::string pem = authority.pem();
  const Session of_required = shake_hands(server(pem), &good).session;
  const Session of_optional = shake_hands(server(pem, true), &good).session;
  const Session of_nobody = shake_hands(server(pem, true)).session;
  const Session of_none = shake_hands(server("")).session;
  const Session of_other = shake_hands(server(other.pem()), &elsewhere).session;
  for (const Session& session : {of_optional, of_nobody, of_none, of_other})
    EXPECT_FALSE(shake_hands(server(pem), nullptr, session).is_in);  // a full handshake, and nothing to show
  for (const Session& session : {of_required, of_none, of_other}) {
    const Outcome outcome = shake_hands(server(pem, true), nullptr, session);
    EXPECT_TRUE(outcome.is_in);
    EXPECT_FALSE(outcome.is_resumed || outcome.has_certificate);
  }
  EXPECT_FALSE(shake_hands(server(""), nullptr, of_required).is_resumed);
  // One byte more in the file, and it is another one.
  EXPECT_FALSE(shake_hands(server(pem + "\n"), nullptr, of_required).is_in);
  EXPECT_TRUE(shake_hands(server(pem), nullptr, of_required).is_resumed);
}

TEST_P(CallersTest, DoNotResumeWhatHasBeenRevokedSince) {
  const Session session = shake_hands(server(authority.pem() + authority.crl({})), &good).session;
  EXPECT_FALSE(shake_hands(server(authority.pem() + authority.crl({&good})), &good, session).is_in);
}

TEST_P(CallersTest, DoNotResumeBeyondTheirCertificate) {
  const Identity brief = authority.issue({.valid_to = 3600});
  const auto tls = server(authority.pem());
  Session session = shake_hands(tls, &brief).session;
  clock.advance(minutes(59));
  const Outcome resumed = shake_hands(tls, nullptr, session);
  EXPECT_TRUE(resumed.is_resumed);
  if (resumed.session) session = resumed.session;  // OpenSSL offers none of TLS 1.3 twice
  clock.advance(minutes(2));
  EXPECT_FALSE(shake_hands(tls, nullptr, session).is_in);
}

TEST_P(CallersTest, DoNotResumeBeyondTheListOfTheRevoked) {
  const auto tls = server(authority.pem() + authority.crl({}, 3600));
  const Session session = shake_hands(tls, &good).session;
  clock.advance(minutes(61));
  EXPECT_FALSE(shake_hands(tls, nullptr, session).is_in);
}

TEST_P(CallersTest, ShowTheirCertificateAgainAfterTwelveHoursHoweverOftenTheyResume) {
  const auto tls = server(authority.pem());
  Session session = shake_hands(tls, &good).session;
  for (int hour = 1; hour < 12; ++hour) {
    clock.advance(hours(1));
    const Outcome outcome = shake_hands(tls, nullptr, session);
    ASSERT_TRUE(outcome.is_resumed) << hour;
    if (outcome.session) session = outcome.session;
  }
  clock.advance(hours(1));
  EXPECT_FALSE(shake_hands(tls, nullptr, session).is_in);
  const Outcome again = shake_hands(tls, &good, session);
  EXPECT_TRUE(again.is_in);
  EXPECT_FALSE(again.is_resumed);
  EXPECT_TRUE(again.session);
}

TEST_P(CallersTest, AreGivenANewTicketForOneOfTheKeyBefore) {
  const auto tls = server("");
  clock.advance(hours(11));
  const Session old = shake_hands(tls).session;
  clock.advance(hours(2));
  const Outcome outcome = shake_hands(tls, nullptr, old);
  EXPECT_TRUE(outcome.is_resumed);
  ASSERT_TRUE(outcome.session);
  clock.advance(hours(9));
  EXPECT_TRUE(shake_hands(tls, nullptr, outcome.session).is_resumed);
}

// A TLS 1.3 ticket shows who comes back: each is to be used once (RFC 8446 section C.4).
TEST_P(CallersTest, AreGivenANewTicketEachTimeInTls13) {
  const auto tls = server("");
  const Outcome second = shake_hands(tls, nullptr, shake_hands(tls).session);
  EXPECT_TRUE(second.is_resumed);
  EXPECT_EQ(second.session != nullptr, GetParam() == TLS1_3_VERSION);
}

TEST_P(CallersTest, DoNotResumeWithTheTicketsOfAnotherProcess) {
  const Session session = shake_hands(server("")).session;
  tickets = *TicketKeys::create(*arena, clock);
  const Outcome outcome = shake_hands(server(""), nullptr, session);
  EXPECT_TRUE(outcome.is_in);
  EXPECT_FALSE(outcome.is_resumed);
}

// --- After a reload ------------------------------------------------------------------------------

TEST_P(CallersTest, AreJudgedAnewByWhatIsTrustedNow) {
  const TestAuthority other("another CA");
  const Identity bad = authority.issue();
  const auto tls = server(authority.pem());
  const std::string list = authority.crl({&bad}, 3600);
  for (const Identity* caller : {&std::as_const(good), &bad}) {
    ASSERT_TRUE(shake_hands(tls, caller).has_certificate);
    const PeerCertificate* shown = stream->peer_certificate(*tls);
    const WallTime expires = shown->expires;
    EXPECT_EQ(stream->peer_certificate(*server(authority.pem() + other.pem())), shown);
    EXPECT_EQ(shown->expires, expires);
    EXPECT_EQ(stream->peer_certificate(*server(authority.pem() + list)), caller == &good ? shown : nullptr);
    EXPECT_EQ(shown->expires < expires, caller == &good);  // by the list, which is to be renewed before
    EXPECT_EQ(stream->peer_certificate(*server(other.pem())), nullptr);
    EXPECT_TRUE(stream->has_shown_certificate());
    EXPECT_EQ(stream->peer_certificate(*server("")), nullptr);
    EXPECT_EQ(stream->peer_certificate(*server(authority.pem(), true)), shown);
  }
}

TEST_P(CallersTest, ByWayOfAnIntermediateCaAreJudgedAnewAsFarAsItIsKnown) {
  const TestAuthority intermediate = authority.subordinate("intermediate");
  Identity caller = intermediate.issue();
  caller.chain = {intermediate.certificate()};
  const auto tls = server(authority.pem());
  const Session session = shake_hands(tls, &caller).session;
  EXPECT_NE(stream->peer_certificate(*server(authority.pem() + "\n")), nullptr);
  ASSERT_TRUE(shake_hands(tls, nullptr, session).is_resumed);
  EXPECT_EQ(stream->peer_certificate(*server(authority.pem() + "\n")), nullptr);
  EXPECT_NE(stream->peer_certificate(*server(authority.pem() + intermediate.pem())), nullptr);
}

// --- The file ------------------------------------------------------------------------------------

struct CallersCa : CallersTest {
  std::string why_not(const std::string& pem) {
    const auto refused = ServerTls::create(options(pem), *tickets);
    return refused.has_value() ? "it is good" : std::string(refused.error().what());
  }
};
INSTANTIATE_TEST_SUITE_P(Tls, CallersCa, ::testing::Values(TLS1_3_VERSION));

TEST_P(CallersCa, FileIsOfCasAndNothingElse) {
  EXPECT_THAT(why_not("junk"), HasSubstr("callers.pem: holds no PEM certificate of a CA"));
  EXPECT_THAT(why_not(authority.crl({})), HasSubstr("holds no PEM certificate of a CA"));
  EXPECT_THAT(why_not(authority.pem().substr(0, 300)), HasSubstr("callers.pem"));
  EXPECT_THAT(why_not(authority.pem() + authority.pem().substr(0, 300)), HasSubstr("callers.pem"));
  EXPECT_THAT(why_not(made.certificate_pem), HasSubstr("not a CA's"));
  EXPECT_THAT(why_not(authority.pem() + made.key_pem), HasSubstr("a private key"));
  EXPECT_EQ(why_not("a comment\n" + authority.pem() + authority.pem()), "it is good");
}

TEST_P(CallersCa, FileHasBounds) {
  EXPECT_THAT(why_not(authority.pem() + std::string((4 << 20) + 1, '\n')), HasSubstr("larger than 4 MiB"));
  std::string many;
  for (int i = 0; i < 65; ++i) many += authority.pem();
  EXPECT_THAT(why_not(many), HasSubstr("more than 64"));
}

TEST_P(CallersCa, FileIsNobodyElsesToWrite) {
  ServerTlsOptions wanted = options(authority.pem());
  ::chmod(wanted.client_ca_file.c_str(), 0666);
  EXPECT_THAT(ServerTls::create(wanted, *tickets).error().what(), HasSubstr("too open"));
  wanted.client_ca_file = "/nonexistent/callers.pem";
  EXPECT_THAT(ServerTls::create(wanted, *tickets).error().what(), HasSubstr("/nonexistent/callers.pem"));
  wanted.client_ca_file = "/dev/null";
  EXPECT_THAT(ServerTls::create(wanted, *tickets).error().what(), HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace claviger::net
