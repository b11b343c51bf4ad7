// SPDX-License-Identifier: Apache-2.0
#include "sources/desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "http/testing/answering_peer.h"
#include "net/testing/skipping_clock.h"

namespace claviger::sources {
namespace {

using http::testing::AnsweringPeer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::string_view kFrom = "vault:secret/x#key";

struct Time {
  net::testing::SkippingClock clock;
};

// A desk with a Vault of KV version 1 that knows one secret, and nothing of mounts.
struct SourceDeskTest : ::testing::Test, Time, http::testing::FetchStand {
  SourceDeskTest() : FetchStand(Time::clock) {
    ::setenv("FAKE_DESK_TOKEN", "fake-token-0123456789", 1);
    peer.answering = [this](const AnsweringPeer::Request& request) { return answer(request); };
  }
  ~SourceDeskTest() override { std::filesystem::remove_all(directory); }

  AnsweringPeer::Answer answer(const AnsweringPeer::Request& request) {
    if (request.line().starts_with("GET /v1/auth/token/lookup-self"))
      return AnsweringPeer::json(R"({"data":{"ttl":0,"renewable":false}})");
    ++reads;
    if (!broken.empty()) return AnsweringPeer::json("{}", broken);
    return AnsweringPeer::json(R"({"lease_id":"","data":{"key":")" + value + R"(","other":"fake-other"}})");
  }
  Options options() {
    Options made;
    VaultOptions& vault = made.vault.emplace();
    vault.address.url = "http://127.0.0.1:" + std::to_string(peer.port());
    vault.address.base = *http::parse_base_url(vault.address.url);
    vault.token = "env:FAKE_DESK_TOKEN";
    vault.kv = 1;
    vault.pace = {.refresh = 60s, .keep = 10min};
    made.wait = 5s;
    return made;
  }
  SourceDesk& make() {
    desk = *SourceDesk::create(options(), around, *key, secrets);
    return *desk;
  }
  void start() {
    desk->start({.offered = [this](const std::string& from) { offered.push_back(from); },
                 .report =
                     [this](const ValueState& before, const ValueState& now) {
                       reports.push_back(before.fault.empty() != now.fault.empty()
                                             ? (now.fault.empty() ? "recovered" : "failed")
                                             : "changed");
                     }});
  }
  // Lets time pass, a quarter of a second with each turn: an exchange takes a few of them.
  bool pass_until(const std::function<bool()>& done, int seconds = 2000) {
    for (int turns = 4 * seconds; turns > 0 && !done(); --turns) {
      loop().turn(0ms);
      clock.skip(250ms);
    }
    return done();
  }
  void pass(int seconds) {
    (void)pass_until([] { return false; }, seconds);
  }
  std::string read(std::string_view from = kFrom) {
    const auto got = desk->read(from);
    return got.has_value() ? std::string(got->reveal_text()) : "(" + std::string(got.error().what()) + ")";
  }
  void write(const std::string& name, const std::string& text) {
    const std::string path = directory + "/" + name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0600);
  }

  AnsweringPeer peer{loop()};
  std::string value = "fake-first", broken;
  int reads = 0;
  std::unique_ptr<vault::ProcessKey> key = *vault::ProcessKey::create(*arena);
  vault::SecretSources secrets{*key};
  std::unique_ptr<SourceDesk> desk;
  std::vector<std::string> offered, reports;
  std::string directory = [] {
    std::string path = "/tmp/claviger-desk-XXXXXX";
    return std::string(::mkdtemp(path.data()));
  }();
};

TEST_F(SourceDeskTest, OffersAValueAndUsesItOnceItIsTaken) {
  make().want(kFrom);
  start();
  ASSERT_TRUE(pass_until([&] { return !offered.empty(); }));
  EXPECT_THAT(read(), HasSubstr("has no value from"));
  EXPECT_EQ(desk->version(kFrom), 0U);
  desk->try_on(kFrom);
  EXPECT_EQ(read(), "fake-first");
  EXPECT_EQ(desk->version(kFrom), 1U);
  desk->take(kFrom);
  EXPECT_EQ(read(), "fake-first");
  EXPECT_THAT(reports, ElementsAre("changed"));

  const int before = reads;
  pass(200);
  EXPECT_GT(reads, before) << "it is read again in the background";
  EXPECT_EQ(offered.size(), 1U) << "what is the same is not offered again";
}

TEST_F(SourceDeskTest, OffersAnotherValueAndGoesOnWithTheOldOneWhereItIsRefused) {
  make().want(kFrom);
  start();
  ASSERT_TRUE(pass_until([&] { return offered.size() == 1; }));
  desk->take(kFrom);
  value = "fake-second";
  ASSERT_TRUE(pass_until([&] { return offered.size() == 2; }));
  EXPECT_EQ(read(), "fake-first");
  desk->refuse(kFrom, "it is no good");
  EXPECT_EQ(read(), "fake-first");
  EXPECT_THAT(desk->state(kFrom)->fault, HasSubstr("it is no good"));
  ASSERT_TRUE(desk->state(kFrom)->good_until);
  pass(200);
  EXPECT_EQ(offered.size(), 2U) << "what was refused is not offered again";
  value = "fake-third";
  ASSERT_TRUE(pass_until([&] { return offered.size() == 3; }));
  desk->try_on(kFrom);
  desk->take(kFrom);
  EXPECT_EQ(read(), "fake-third");
  EXPECT_TRUE(desk->state(kFrom)->fault.empty());
  EXPECT_EQ(desk->version(kFrom), 2U);
}

TEST_F(SourceDeskTest, KeepsAValueWhileItsSourceFailsAndForSoLongAlone) {
  make().want(kFrom);
  start();
  ASSERT_TRUE(pass_until([&] { return offered.size() == 1; }));
  desk->take(kFrom);
  reports.clear();
  broken = "503 Sealed";
  ASSERT_TRUE(pass_until([&] { return !desk->state(kFrom)->fault.empty(); }));
  EXPECT_EQ(read(), "fake-first");
  EXPECT_THAT(desk->state(kFrom)->fault, HasSubstr("sealed"));
  ASSERT_TRUE(pass_until([&] { return !desk->state(kFrom)->has_value; }));
  EXPECT_THAT(read(), HasSubstr("sealed"));
  EXPECT_EQ(offered.size(), 2U) << "that it is gone is offered as well";
  EXPECT_THAT(reports, ElementsAre("failed", "changed")) << "once for each change, not for each attempt";
  broken.clear();
  ASSERT_TRUE(pass_until([&] { return offered.size() == 3; }));
  desk->take(kFrom);
  EXPECT_EQ(read(), "fake-first");
}

TEST_F(SourceDeskTest, AsksLessAndLessOftenWhatFails) {
  broken = "503 Sealed";
  make().want(kFrom);
  start();
  pass(600);
  EXPECT_GE(reads, 8);
  EXPECT_LE(reads, 25);
}

TEST_F(SourceDeskTest, DoesNotLogInAnewForEachTimeThatAPathIsDenied) {
  ::setenv("FAKE_DESK_ROLE", "fake-role-id", 1);
  int logins = 0, lookups = 0;
  bool is_revoked = false;
  peer.answering = [&](const AnsweringPeer::Request& request) {
    if (request.line().starts_with("POST /v1/auth/approle/login")) {
      ++logins;
      is_revoked = false;
      return AnsweringPeer::json(
          R"({"auth":{"client_token":"fake-t","lease_duration":0,"renewable":false}})");
    }
    if (request.line().starts_with("GET /v1/auth/token/lookup-self")) {
      ++lookups;
      return AnsweringPeer::json("{}", is_revoked ? "403 Forbidden" : "200 OK");
    }
    ++reads;
    return AnsweringPeer::json("{}", "403 Forbidden");
  };
  Options made = options();
  made.vault->token.clear();
  made.vault->app_role.role_id = "env:FAKE_DESK_ROLE";
  desk = *SourceDesk::create(made, around, *key, secrets);
  desk->want(kFrom);
  start();
  pass(3600);
  EXPECT_GE(reads, 40);
  EXPECT_LE(logins, 8);
  EXPECT_GE(lookups, 40);
  // One that was revoked meanwhile is replaced at once.
  const int before = logins;
  is_revoked = true;
  ASSERT_TRUE(pass_until([&] { return logins > before; }, 80));
}

TEST_F(SourceDeskTest, ReadsAPlaceOnceForAllOfItsParts) {
  make().want(kFrom);
  desk->want("vault:secret/x#other");
  desk->want("vault:secret/x#nothing");
  start();
  ASSERT_TRUE(pass_until([&] { return offered.size() == 2; }));
  EXPECT_EQ(reads, 1);
  for (const std::string& from : offered) desk->take(from);
  EXPECT_EQ(read("vault:secret/x#other"), "fake-other");
  EXPECT_THAT(desk->state("vault:secret/x#nothing")->fault, HasSubstr("no field 'nothing'"));
}

TEST_F(SourceDeskTest, KeepsNothingOfWhatNobodyWants) {
  make().want(kFrom);
  start();
  ASSERT_TRUE(pass_until([&] { return offered.size() == 1; }));
  desk->keep_only({});
  EXPECT_TRUE(desk->states().empty());
  const int before = reads;
  pass(200);
  EXPECT_EQ(reads, before);
}

TEST_F(SourceDeskTest, SaysThatNothingIsSaidOfASource) {
  make().want("aws-sm:prod/x");
  EXPECT_THAT(read("aws-sm:prod/x"), HasSubstr("sources.aws-sm"));
  EXPECT_EQ(desk->read("aws-sm:prod/x").error().code(), Code::kNoCredential);
}

TEST_F(SourceDeskTest, ReadsAFileAtOnceAndAgainOnceItStandsStill) {
  write("secret", "fake-first\n");
  const std::string from = "file:" + directory + "/secret";
  make().want(from);
  EXPECT_EQ(read(from), "fake-first");
  start();
  pass(10);
  EXPECT_TRUE(offered.empty());
  write("secret", "fake-second");
  ASSERT_TRUE(pass_until([&] { return !offered.empty(); }, 10));
  desk->take(from);
  EXPECT_EQ(read(from), "fake-second");
  std::filesystem::remove(directory + "/secret");
  ASSERT_TRUE(pass_until([&] { return !desk->state(from)->fault.empty(); }, 10));
  EXPECT_EQ(read(from), "fake-second");
}

TEST_F(SourceDeskTest, SeesThatALinkUpThePathWasSwapped) {
  namespace fs = std::filesystem;
  for (const char* each : {"one", "two"}) fs::create_directory(directory + "/" + each);
  write("one/key", "fake-first");
  write("two/key", "fake-second");
  fs::create_symlink("one", directory + "/..data");
  fs::create_symlink("..data/key", directory + "/key");
  const std::string from = "file:" + directory + "/key";
  make().want(from);
  start();
  fs::create_symlink("two", directory + "/..data_tmp");
  fs::rename(directory + "/..data_tmp", directory + "/..data");
  ASSERT_TRUE(pass_until([&] { return !offered.empty(); }, 20));
  desk->take(from);
  EXPECT_EQ(read(from), "fake-second");
}

TEST_F(SourceDeskTest, LeavesNothingInTheArena) {
  const std::size_t before = arena->usage().in_use;
  make().want(kFrom);
  start();
  ASSERT_TRUE(pass_until([&] { return offered.size() == 1; }));
  desk->take(kFrom);
  pass(5);
  EXPECT_EQ(arena->usage().in_use, before) << "values are sealed, outside of it";
}

}  // namespace
}  // namespace claviger::sources
