// SPDX-License-Identifier: Apache-2.0
#include "net/resolver.h"

#include <gtest/gtest.h>

#include <optional>

#include "net/address_order.h"
#include "net/testing/fake_dns.h"
#include "net/testing/loop_fixture.h"
#include "net/testing/skipping_clock.h"

namespace claviger::net {
namespace {

using namespace std::chrono_literals;
using testing::FakeDns;
using Rcode = FakeDns::Rcode;
using Answer = Result<std::vector<base::IpAddress>>;

struct ResolverTest : ::testing::Test {
  testing::SkippingClock clock;
  testing::LoopFixture fixture{clock};
  Loop& loop = fixture.loop();
  FakeDns dns{loop};
  testing::ResolvConf conf;
  std::unique_ptr<Resolver> resolver = *Resolver::create(loop, conf.options(dns));

  void skip(std::chrono::milliseconds time) {
    clock.skip(time);
    loop.turn(0ms);
  }
  Answer resolve(const std::string& name, std::chrono::milliseconds limit = 1500ms) {
    return fixture.finish(resolver->resolve(name, loop.now() + limit));
  }
  // Whether there is an answer without any waiting.
  bool answers_at_once(const std::string& name) {
    auto task = resolver->resolve(name, loop.now() + 1h);
    task.handle().resume();
    return task.handle().done();
  }
  // "10.0.0.1 10.0.0.2", or the error's code.
  std::string addresses(const std::string& name, std::chrono::milliseconds limit = 1500ms) {
    const Answer answer = resolve(name, limit);
    if (!answer.has_value()) return std::string(code_name(answer.error().code()));
    std::string text;
    for (const base::IpAddress& each : *answer) text += (text.empty() ? "" : " ") + base::format_ip(each);
    return text;
  }
};

bool has_ipv6() { return source_for(*base::parse_ip("::1")).has_value(); }

TEST_F(ResolverTest, GivesBothFamiliesTheOneThatCanBeReachedFirst) {
  dns.set("api.example", false, {.addresses = {"127.0.0.1", "127.0.0.2"}});
  dns.set("api.example", true, {.addresses = {"::1"}});
  EXPECT_EQ(addresses("api.example"), has_ipv6() ? "::1 127.0.0.1 127.0.0.2" : "127.0.0.1 127.0.0.2 ::1");
}

TEST_F(ResolverTest, IsContentWithOneFamily) {
  dns.set("four.example", false, {.addresses = {"127.0.0.1"}});
  dns.set("four.example", true, {});
  dns.set("six.example", false, {});
  dns.set("six.example", true, {.addresses = {"::1"}});
  EXPECT_EQ(addresses("four.example"), "127.0.0.1");
  EXPECT_EQ(addresses("six.example"), "::1");
}

TEST_F(ResolverTest, OneFamilyThatFailsDoesNotFailTheOther) {
  for (const Rcode rcode : {Rcode::kServerFailure, Rcode::kNoSuchName, Rcode::kRefused}) {
    const std::string four = "four" + std::to_string(static_cast<int>(rcode)) + ".example";
    dns.set(four, false, {.addresses = {"127.0.0.1"}});
    dns.set(four, true, {.rcode = rcode});
    EXPECT_EQ(addresses(four), "127.0.0.1");
    const std::string six = "six" + std::to_string(static_cast<int>(rcode)) + ".example";
    dns.set(six, false, {.rcode = rcode});
    dns.set(six, true, {.addresses = {"::1"}});
    EXPECT_EQ(addresses(six), "::1");
  }
}

TEST_F(ResolverTest, DoesNotWaitLongForAFamilyThatIsNotAnswered) {
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}, .ttl = 1});
  dns.set("api.example", true, {.silent = true});
  resolver = *Resolver::create(loop, conf.options(dns, 20s));
  EXPECT_EQ(addresses("api.example"), "127.0.0.1");
  EXPECT_TRUE(answers_at_once("api.example"));
  // Nor again when the other family's TTL is over, though the question is still open.
  skip(1100ms);
  EXPECT_EQ(addresses("api.example"), "127.0.0.1");
  EXPECT_EQ(dns.asked("api.example", false), 2);
  EXPECT_EQ(dns.asked("api.example", true), 1);
}

TEST_F(ResolverTest, AFamilyThatIsLateIsUsedNextTime) {
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  dns.set("api.example", true, {.silent = true});
  EXPECT_EQ(addresses("api.example"), "127.0.0.1");
  dns.set("api.example", true, {.addresses = {"::1"}});
  dns.release();
  loop.turn(20ms);
  EXPECT_EQ(addresses("api.example"), has_ipv6() ? "::1 127.0.0.1" : "127.0.0.1 ::1");
}

TEST_F(ResolverTest, KeepsAnAnswerForItsTtl) {
  dns.set_both("api.example", {.ttl = 30});
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}, .ttl = 30});
  EXPECT_EQ(addresses("api.example"), "127.0.0.1");
  dns.set("api.example", false, {.addresses = {"127.0.0.2"}, .ttl = 30});
  skip(29s);
  EXPECT_EQ(addresses("api.example"), "127.0.0.1");
  EXPECT_EQ(dns.asked("api.example", false), 1);
  EXPECT_EQ(dns.asked("api.example", true), 1);  // that there is none is kept along with it
  skip(2s);
  EXPECT_EQ(addresses("api.example"), "127.0.0.2");
}

TEST_F(ResolverTest, BoundsTheTtlBothWays) {
  dns.set("never.example", false, {.addresses = {"127.0.0.1"}, .ttl = 0});
  dns.set("ever.example", false, {.addresses = {"127.0.0.1"}, .ttl = 0x7fffffff});
  dns.set("wrapped.example", false, {.addresses = {"127.0.0.1"}, .ttl = 0xffffffff});
  for (const char* name : {"never.example", "ever.example", "wrapped.example"})
    EXPECT_EQ(addresses(name), "127.0.0.1");
  EXPECT_EQ(addresses("never.example"), "127.0.0.1");
  EXPECT_EQ(dns.asked("never.example", false), 1);
  skip(1100ms);
  for (const char* name : {"never.example", "ever.example", "wrapped.example"})
    EXPECT_EQ(addresses(name), "127.0.0.1");
  EXPECT_EQ(dns.asked("never.example", false), 2);
  EXPECT_EQ(dns.asked("wrapped.example", false), 2);
  EXPECT_EQ(dns.asked("ever.example", false), 1);
  skip(5min);
  EXPECT_EQ(addresses("ever.example"), "127.0.0.1");
  EXPECT_EQ(dns.asked("ever.example", false), 2);
}

TEST_F(ResolverTest, CountsEightAddressesOfEachFamily) {
  FakeDns::Reply many;
  for (int i = 1; i <= 25; ++i) many.addresses.push_back("127.0.1." + std::to_string(i));
  dns.set("many.example", false, many);
  const Answer answer = resolve("many.example");
  ASSERT_TRUE(answer.has_value()) << answer.error().what();
  EXPECT_EQ(answer->size(), 8U);
}

TEST_F(ResolverTest, SaysThatThereIsNoSuchName) {
  const Answer none = resolve("none.example");
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code(), Code::kUpstreamFailed);
  EXPECT_NE(none.error().what().find("none.example"), std::string_view::npos) << none.error().what();
  EXPECT_NE(none.error().what().find("not found"), std::string_view::npos) << none.error().what();
  // Remembered for a second, in case a flood of calls asks.
  const int before = dns.asked("none.example", false);
  EXPECT_FALSE(resolve("none.example").has_value());
  EXPECT_EQ(dns.asked("none.example", false), before);
}

TEST_F(ResolverTest, SaysThatNoServerAnswers) {
  dns.set_both("silent.example", {.silent = true});
  const Answer silent = resolve("silent.example", 10s);
  ASSERT_FALSE(silent.has_value());
  EXPECT_EQ(silent.error().code(), Code::kUpstreamTimeout);
  EXPECT_NE(silent.error().what().find("no name server answered"), std::string_view::npos)
      << silent.error().what();
}

TEST_F(ResolverTest, ReturnsByTheDeadline) {
  dns.set_both("silent.example", {.silent = true});
  resolver = *Resolver::create(loop, conf.options(dns, 20s));
  const Answer late = resolve("silent.example", 60ms);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code(), Code::kUpstreamTimeout);
  EXPECT_NE(late.error().what().find("silent.example took too long"), std::string_view::npos)
      << late.error().what();
}

TEST_F(ResolverTest, AServerThatFailsIsNoServerThatKnowsBetter) {
  dns.set("half.example", false, {.silent = true});
  dns.set("half.example", true, {});  // it is there; only its IPv4 addresses are not to be had
  EXPECT_EQ(addresses("half.example", 10s), "upstream_timeout");
}

TEST_F(ResolverTest, UsesTheLastAnswerForAMinuteWhenNoServerHasOne) {
  dns.set_both("api.example", {.ttl = 10});
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}, .ttl = 10});
  EXPECT_EQ(addresses("api.example"), "127.0.0.1");
  dns.set_both("api.example", {.rcode = Rcode::kServerFailure});
  skip(11s);
  const int before = dns.asked("api.example", false);
  EXPECT_EQ(addresses("api.example"), "127.0.0.1");
  EXPECT_GT(dns.asked("api.example", false), before);  // it was asked
  skip(40s);
  EXPECT_EQ(addresses("api.example"), "127.0.0.1");
  skip(20s);
  EXPECT_EQ(addresses("api.example"), "upstream_failed");
  dns.set("api.example", false, {.addresses = {"127.0.0.2"}});
  skip(2s);
  EXPECT_EQ(addresses("api.example"), "127.0.0.2");
}

TEST_F(ResolverTest, DoesNotWaitForSilentServersWithAnAnswerAtHand) {
  resolver = *Resolver::create(loop, conf.options(dns, 20s));
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}, .ttl = 1});
  EXPECT_EQ(addresses("api.example"), "127.0.0.1");
  dns.set_both("api.example", {.silent = true});
  skip(2s);
  EXPECT_EQ(addresses("api.example", 30ms), "127.0.0.1");  // by the deadline
  EXPECT_EQ(addresses("api.example", 1h), "127.0.0.1");    // in a second
  EXPECT_TRUE(answers_at_once("api.example"));  // who comes later does not wait at all
}

TEST_F(ResolverTest, NeverUsesAnOldAnswerForANameThatIsGone) {
  for (const Rcode rcode : {Rcode::kNoSuchName, Rcode::kNoError}) {
    const std::string name = rcode == Rcode::kNoError ? "bare.example" : "gone.example";
    dns.set_both(name, {.ttl = 1});
    dns.set(name, false, {.addresses = {"127.0.0.1"}, .ttl = 1});
    EXPECT_EQ(addresses(name), "127.0.0.1");
    dns.set_both(name, {.rcode = rcode});
    skip(2s);
    EXPECT_EQ(addresses(name), "upstream_failed") << name;
    dns.set_both(name, {.rcode = Rcode::kServerFailure});
    skip(2s);
    EXPECT_EQ(addresses(name), "upstream_failed") << name;  // nor after that
  }
}

TEST_F(ResolverTest, OneWordOfNoSuchNameIsEnough) {
  dns.set_both("gone.example", {.ttl = 1});
  dns.set("gone.example", false, {.addresses = {"127.0.0.1"}, .ttl = 1});
  EXPECT_EQ(addresses("gone.example"), "127.0.0.1");
  dns.set("gone.example", false, {.rcode = Rcode::kServerFailure});
  dns.set("gone.example", true, {.rcode = Rcode::kNoSuchName});
  skip(2s);
  EXPECT_EQ(addresses("gone.example"), "upstream_failed");
}

TEST_F(ResolverTest, NeverMixesAddressesOfTwoNamesOfTheSearchList) {
  // What has a dot is looked for as it is first.
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  dns.set("api.example", true, {});
  dns.set("api.example.lan.example", true, {.addresses = {"::1"}});
  EXPECT_EQ(addresses("api.example"), "127.0.0.1");
  EXPECT_EQ(dns.asked("api.example.lan.example", true), 1);
  // What has none, as it is last.
  dns.set("api.lan.example", false, {.addresses = {"127.0.0.2"}});
  dns.set("api.lan.example", true, {});
  dns.set("api", true, {.addresses = {"::1"}});
  EXPECT_EQ(addresses("api"), "127.0.0.2");
}

TEST_F(ResolverTest, AnswersLiteralsWithoutAsking) {
  EXPECT_EQ(addresses("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(addresses("2001:db8::7"), "2001:db8::7");
}

TEST_F(ResolverTest, TheHostsFileComesBeforeDns) {
  dns.set("localhost", true, {.addresses = {"2001:db8::1"}});
  EXPECT_NE(addresses("localhost").find("127.0.0.1"), std::string::npos);
  EXPECT_EQ(dns.asked("localhost", true), 0);
}

TEST_F(ResolverTest, FollowsResolvConf) {
  FakeDns other(loop, "127.0.0.2", dns.port());
  dns.set("old.example", false, {.silent = true});
  other.set("api.example", false, {.addresses = {"127.0.0.9"}});
  std::optional<Answer> old;
  struct Run {
    static Task<void> into(Resolver& resolver, std::optional<Answer>& answer) {
      answer.emplace(co_await resolver.resolve("old.example"));
    }
  };
  spawn(Run::into(*resolver, old));
  loop.turn(20ms);
  conf.replace("127.0.0.2");
  skip(2s);
  EXPECT_EQ(addresses("api.example"), "127.0.0.9");
  EXPECT_EQ(dns.asked("api.example", false), 0);
  // What was asked before is answered by whom it was asked of.
  dns.set("old.example", false, {.addresses = {"127.0.0.3"}});
  dns.release();
  ASSERT_TRUE(fixture.run_until([&] { return old.has_value(); }));
  EXPECT_TRUE(old->has_value()) << old->error().what();
}

struct Waiting {
  static Task<void> into(Resolver& resolver, std::string name, std::vector<std::string>& answers) {
    const Answer answer = co_await resolver.resolve(std::move(name));
    answers.push_back(answer.has_value() ? "found" : std::string(answer.error().what()));
  }
};

TEST_F(ResolverTest, AsksOnceForAllWhoWait) {
  dns.set_both("api.example", {.silent = true});
  std::vector<std::string> answers;
  for (int i = 0; i < 3; ++i) spawn(Waiting::into(*resolver, "api.example", answers));
  loop.turn(20ms);
  EXPECT_EQ(dns.asked("api.example", false), 1);
  dns.set_both("api.example", {});
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  dns.release();
  ASSERT_TRUE(fixture.run_until([&] { return answers.size() == 3; }));
  EXPECT_EQ(answers, std::vector<std::string>(3, "found"));
}

TEST_F(ResolverTest, ATaskMayGoWhileItWaitsAndWhileItsAnswerIsOnTheWay) {
  dns.set_both("api.example", {.silent = true});
  std::vector<std::string> answers;
  auto waits = Waiting::into(*resolver, "api.example", answers);
  auto answered = std::optional(Waiting::into(*resolver, "api.example", answers));
  waits.handle().resume();
  answered->handle().resume();
  ASSERT_TRUE(fixture.run_until([&] { return dns.asked("api.example", true) == 1; }));
  {
    const auto gone = std::move(waits);
  }
  dns.set("api.example", false, {.addresses = {"127.0.0.1"}});
  dns.set("api.example", true, {.addresses = {"::1"}});
  dns.release();
  // The answer is delivered by way of the loop; at the turn in which it arrives, or the next.
  loop.post([&] { answered.reset(); });
  loop.turn(20ms);
  loop.turn(20ms);
  EXPECT_TRUE(answers.empty());
}

TEST_F(ResolverTest, WhoStillWaitsWhenItGoesIsTold) {
  dns.set_both("api.example", {.silent = true});
  std::vector<std::string> answers;
  for (int i = 0; i < 2; ++i) spawn(Waiting::into(*resolver, "api.example", answers));
  loop.turn(20ms);
  resolver.reset();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_NE(answers[0].find("gave up"), std::string::npos) << answers[0];
}

TEST_F(ResolverTest, HoldsABoundedNumberOfNames) {
  for (int i = 0; i < 5000; ++i) resolver->resolve("n" + std::to_string(i) + ".example").handle().resume();
  EXPECT_EQ(addresses("one-more.example"), "unavailable");
}

}  // namespace
}  // namespace claviger::net
