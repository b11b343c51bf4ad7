// SPDX-License-Identifier: Apache-2.0
// A name that becomes an alias, or no longer is one, and one that two want: it has an answer, and an owner, wherever it ends.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "doors/externaldns/testing/provider_fixture.h"

namespace claviger::doors::externaldns {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kOwner;
using ::testing::SizeIs;
using testing::Strings;

constexpr std::string_view kTheirs = "heritage=external-dns,external-dns/owner=them";

class ProviderConversionTest : public testing::ProviderFixture {
 protected:
  static Changes to_alias(const std::string& name, Strings targets = {"other.example"}) {
    return {.create = {one(name, "CNAME", std::move(targets)), owner("cname-" + name, name)},
            .remove = {one(name, "A", {"192.0.2.1"}), owner("a-" + name, name)}};
  }
  void have_address(const std::string& name, const std::string& owners_name) {
    have(name, "A", "192.0.2.1");
    have(owners_name, "TXT", std::string(kOwner));
  }
};

TEST_F(ProviderConversionTest, TakesNoAddressAwayForAnAliasThatCannotBe) {
  have_address("example.com", "a-_apex_.example.com");
  have_address("www.example.com", "a-www.example.com");
  have_address("mail.example.com", "a-mail.example.com");
  have("mail.example.com", "MX", "10 mx.example");
  have_address("hand.example.com", "a-hand.example.com");
  have("hand.example.com", "A", "192.0.2.99");
  have_address("app.example.com", "a-app.example.com");
  have("app.example.com", "FWD", "this-server");
  have_address("self.example.com", "a-self.example.com");
  const auto before = server.records();
  for (const Changes& changes :
       {to_alias("app.example.com"), to_alias("self.example.com", {"Self.example.com."}),
        to_alias("example.com"), to_alias("www.example.com", {"a.example", "b.example"}),
        to_alias("mail.example.com"), to_alias("hand.example.com")}) {
    EXPECT_FALSE(apply(changes).is_whole());
    EXPECT_THAT(server.writes(), IsEmpty()) << changes.create[0].dns_name;
  }
  EXPECT_EQ(server.records(), before);
}

TEST_F(ProviderConversionTest, TakesNoAddressAwayForAnAliasWhoseOwnerCannotBeWrittenDown) {
  have_address("www.example.com", "a-www.example.com");
  server.instead = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" add cname-") == std::string_view::npos) return std::nullopt;
    return Result<ApiAnswer>(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up"));
  };
  const Applied applied = apply(to_alias("www.example.com"));
  EXPECT_EQ(applied.failed, 1U);
  EXPECT_EQ(applied.left, 3U);
  EXPECT_THAT(applied.orphans, IsEmpty());
  EXPECT_THAT(server.records(), Contains("www A 300 192.0.2.1"));
  server.instead = nullptr;
  EXPECT_TRUE(apply(to_alias("www.example.com")).is_whole());
  EXPECT_THAT(server.records(),
              ElementsAre(fmt::format("cname-www TXT 300 {}", kOwner), "www CNAME 300 other.example"));
}

TEST_F(ProviderConversionTest, TakesNoAliasAwayForAnAddressThatIsNone) {
  have("www.example.com", "CNAME", "other.example");
  have("cname-www.example.com", "TXT", std::string(kOwner));
  const Applied applied = apply(
      {.create = {one("www.example.com", "A", {"nonsense"}), owner("a-www.example.com", "www.example.com")},
       .remove = {one("www.example.com", "CNAME", {"other.example"}),
                  owner("cname-www.example.com", "www.example.com")}});
  EXPECT_FALSE(applied.is_whole());
  EXPECT_THAT(server.writes(), IsEmpty());
}

// The answer to the delete comes when there is time for nothing that is begun anew: of 3.2 s, 0.24 are left.
TEST_F(ProviderConversionTest, PutsTheAliasWhereRoomWasMadeForItHoweverLateItIs) {
  have("www.example.com", "A", "192.0.2.1");
  options.deadline = std::chrono::milliseconds(3200);
  server.delay = std::chrono::milliseconds(740);  // zones, the zone's SOA, the name, the delete
  server.afterwards = [this](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" delete ") != std::string_view::npos) server.delay = std::chrono::milliseconds(0);
    return std::nullopt;
  };
  const Applied applied = apply({.create = {one("www.example.com", "CNAME", {"other.example"})},
                                 .remove = {one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_TRUE(applied.is_whole()) << applied.reason;
  EXPECT_THAT(server.records(), ElementsAre("www CNAME 300 other.example"));
}

// Of 3.2 s, 0.6 are left: enough for one call, and not for two.
TEST_F(ProviderConversionTest, MakesNoRoomWithoutTimeForWhatItIsFor) {
  have("www.example.com", "A", "192.0.2.1");
  options.deadline = std::chrono::milliseconds(3200);
  server.delay = std::chrono::milliseconds(1600);
  server.afterwards = [this](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    server.delay = std::chrono::milliseconds(call.find(" get ") == std::string_view::npos ? 1000 : 0);
    return std::nullopt;
  };
  const Applied applied = apply({.create = {one("www.example.com", "CNAME", {"other.example"})},
                                 .remove = {one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_EQ(applied.left, 2U);
  EXPECT_THAT(applied.reason, HasSubstr("there was no time"));
  EXPECT_THAT(server.records(), ElementsAre("www A 300 192.0.2.1"));
}

TEST_F(ProviderConversionTest, TakesNoAddressAwayForAnAliasWhoseTtlTheZoneDoesNotAllow) {
  options.ttl_max = 1'000'000;
  have("www.example.com", "A", "192.0.2.1");
  const Applied applied = apply({.create = {one("www.example.com", "CNAME", {"other.example"}, 700'000)},
                                 .remove = {one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_THAT(applied.reason, HasSubstr("its TTL cannot be greater than SOA EXPIRE, which is 604800"));
  EXPECT_THAT(server.writes(), IsEmpty());
}

TEST_F(ProviderConversionTest, TriesAgainToPutTheAliasThereWhileThereIsTime) {
  have("www.example.com", "A", "192.0.2.1");
  int failures = 2;
  server.instead = [&failures](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" add www") == std::string_view::npos || failures-- <= 0) return std::nullopt;
    if (failures == 0) return Result<ApiAnswer>(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up"));
    return Result<ApiAnswer>(ApiAnswer{.status = 429, .body = {}, .error_code = "limited"});
  };
  EXPECT_TRUE(apply({.create = {one("www.example.com", "CNAME", {"other.example"})},
                     .remove = {one("www.example.com", "A", {"192.0.2.1"})}})
                  .is_whole());
  EXPECT_THAT(server.records(), ElementsAre("www CNAME 300 other.example"));
}

// The server says then that it is there already, in words that may mean another one.
TEST_F(ProviderConversionTest, KnowsTheAliasForItsOwnWhoseAnswerWasLost) {
  have("www.example.com", "A", "192.0.2.1");
  have("a-www.example.com", "TXT", std::string(kOwner));
  int lost = 1;
  server.afterwards = [&lost](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" add www") == std::string_view::npos || lost-- <= 0) return std::nullopt;
    return Result<ApiAnswer>(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up"));
  };
  EXPECT_TRUE(apply(to_alias("www.example.com")).is_whole());
  EXPECT_THAT(server.records(),
              ElementsAre(fmt::format("cname-www TXT 300 {}", kOwner), "www CNAME 300 other.example"));
}

TEST_F(ProviderConversionTest, TriesAgainToTakeTheSecondAddressAway) {
  have("www.example.com", "A", "192.0.2.1");
  have("www.example.com", "AAAA", "2001:db8::1");
  int limited = 1;
  server.instead = [&limited](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" delete www.example.com AAAA") == std::string_view::npos || limited-- <= 0)
      return std::nullopt;
    return Result<ApiAnswer>(ApiAnswer{.status = 429, .body = {}, .error_code = "limited"});
  };
  EXPECT_TRUE(apply({.create = {one("www.example.com", "CNAME", {"other.example"})},
                     .remove = {one("www.example.com", "A", {"192.0.2.1"}),
                                one("www.example.com", "AAAA", {"2001:db8::1"})}})
                  .is_whole());
  EXPECT_THAT(server.records(), ElementsAre("www CNAME 300 other.example"));
}

TEST_F(ProviderConversionTest, TriesOnceWhereNothingIsKnownToBeLost) {
  have("www.example.com", "A", "192.0.2.1");
  server.instead = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" delete ") == std::string_view::npos && call.find(" add ") == std::string_view::npos)
      return std::nullopt;
    return Result<ApiAnswer>(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up"));
  };
  EXPECT_EQ(apply({.create = {one("www.example.com", "CNAME", {"other.example"})},
                   .remove = {one("www.example.com", "A", {"192.0.2.1"})}})
                .failed,
            2U);
  EXPECT_THAT(server.writes(), SizeIs(2));
}

TEST_F(ProviderConversionTest, HasTheNewAddressesBeforeThoseOfTheOtherKindGo) {
  have("www.example.com", "A", "192.0.2.1");
  apply({.create = {one("www.example.com", "AAAA", {"2001:db8::1"})},
         .remove = {one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_THAT(server.writes(),
              ElementsAre("a add www.example.com AAAA 2001:db8::1", "a delete www.example.com A 192.0.2.1"));
}

TEST_F(ProviderConversionTest, KeepsTheAddressesOfOneKindWhereThoseOfTheOtherCannotBe) {
  have_address("www.example.com", "a-www.example.com");
  const Applied applied = apply({.create = {one("www.example.com", "AAAA", {"nonsense"}),
                                            owner("aaaa-www.example.com", "www.example.com")},
                                 .remove = {one("www.example.com", "A", {"192.0.2.1"}),
                                            owner("a-www.example.com", "www.example.com")}});
  EXPECT_FALSE(applied.is_whole());
  EXPECT_THAT(server.writes(), IsEmpty());
}

// It was answered by nobody, and then not let through any more: it may be done, and is told as that.
TEST_F(ProviderConversionTest, DoesNotForgetThatATryMayHaveBeenDone) {
  have("www.example.com", "A", "192.0.2.1");
  options.deadline = std::chrono::milliseconds(800);
  int tries = 0;
  server.afterwards = [&tries](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" add www") == std::string_view::npos) return std::nullopt;
    ++tries;
    return Result<ApiAnswer>(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up"));
  };
  server.instead = [&tries](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" add www") == std::string_view::npos || tries == 0) return std::nullopt;
    return Result<ApiAnswer>(ApiAnswer{.status = 403, .body = {}, .error_code = "denied"});
  };
  const Applied applied = apply({.create = {one("www.example.com", "CNAME", {"other.example"})},
                                 .remove = {one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_EQ(applied.failed, 1U);
  EXPECT_EQ(applied.left, 0U);
}

TEST_F(ProviderConversionTest, TakesADeleteForDoneWhoseAnswerWasLost) {
  have("www.example.com", "A", "192.0.2.1");
  server.afterwards = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" delete ") == std::string_view::npos) return std::nullopt;
    return Result<ApiAnswer>(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up"));
  };
  const Applied applied = apply({.create = {one("www.example.com", "CNAME", {"other.example"})},
                                 .remove = {one("www.example.com", "A", {"192.0.2.1"})}});
  EXPECT_EQ(applied.failed, 1U);
  EXPECT_THAT(server.records(), ElementsAre("www CNAME 300 other.example"));
}

TEST_F(ProviderConversionTest, TakesAddressesAwayLastOfAllThatMakesRoom) {
  have("www.example.com", "A", "192.0.2.1");
  have("www.example.com", "MX", "10 mx.example");
  server.instead = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
    if (call.find(" MX ") == std::string_view::npos) return std::nullopt;
    return Result<ApiAnswer>(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up"));
  };
  const auto before = server.records();
  apply({.create = {one("www.example.com", "CNAME", {"other.example"})},
         .remove = {one("www.example.com", "A", {"192.0.2.1"}),
                    one("www.example.com", "MX", {"10 mx.example"})}});
  server.instead = nullptr;
  EXPECT_EQ(server.records(), before);
}

// What stays is no loss.
TEST_F(ProviderConversionTest, KeepsTheGuardOutOfWhatIsRefusedAnyway) {
  Changes changes;
  for (int i = 0; i < 12; ++i) {
    const std::string name = fmt::format("n{}.example.com", i);
    have(name, "A", "192.0.2.1");
    have(name, "MX", "10 mx.example");
    changes.create.push_back(one(name, "CNAME", {"other.example"}));
    changes.remove.push_back(one(name, "A", {"192.0.2.1"}));
  }
  options.max_delete_percent = 10;
  have("old.example.com", "A", "192.0.2.1");
  changes.remove.push_back(one("old.example.com", "A", {"192.0.2.1"}));
  apply(std::move(changes));
  EXPECT_THAT(server.writes(), ElementsAre("a delete old.example.com A 192.0.2.1"));
}

// Who comes second, and saw nothing of it when it asked.
TEST_F(ProviderConversionTest, LeavesANameToWhoeverWasFaster) {
  have("www.example.com", "A", "192.0.2.1");
  have("a-www.example.com", "TXT", std::string(kTheirs));
  const auto before = server.records();
  const Applied applied = apply({.create = {one("www.example.com", "A", {"192.0.2.2"}),
                                            owner("a-www.example.com", "www.example.com")}});
  EXPECT_EQ(applied.refused, 1U);
  EXPECT_EQ(applied.left, 1U);
  EXPECT_THAT(applied.reason, HasSubstr("it belongs to another by now: them"));
  EXPECT_EQ(server.records(), before);
}

TEST_F(ProviderConversionTest, TakesANameOverOfWhichOnlyTheOwnersRecordIsLeft) {
  have("a-www.example.com", "TXT", std::string(kTheirs));
  EXPECT_TRUE(apply({.create = {one("www.example.com", "A", {"192.0.2.2"}),
                                owner("a-www.example.com", "www.example.com")}})
                  .is_whole());
  EXPECT_THAT(server.records(), ElementsAre(fmt::format("a-www TXT 300 {}", kOwner), "www A 300 192.0.2.2"));
}

}  // namespace
}  // namespace claviger::doors::externaldns
