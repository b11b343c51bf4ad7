// SPDX-License-Identifier: Apache-2.0
// What the door does when nobody asks: whether DNS can be reached, and what was left behind.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "doors/externaldns/externaldns_door.h"
#include "doors/externaldns/testing/door_visits.h"
#include "doors/externaldns/testing/fake_technitium.h"
#include "net/testing/skipping_clock.h"

namespace claviger::doors::externaldns {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct WithClock {
  net::testing::SkippingClock clock;
};

struct DoorUpkeepTest : ::testing::Test, WithClock, testing::DoorVisits {
  telemetry::Log log{telemetry::Level::kError, STDERR_FILENO, real_clock()};
  testing::FakeTechnitium server{loop()};
  DoorStats stats;
  bool has_room = true;
  bool sheds = false;
  std::vector<std::string> events;
  std::optional<ExternalDnsDoor> door;

  DoorUpkeepTest() : DoorVisits(clock) {
    ProviderOptions options;
    options.upstreams = {"a"};
    options.zones = {"example.com"};
    door.emplace(
        DoorServices{.name = "dns",
                     .principal = "external-dns",
                     .loop = loop(),
                     .calls = server,
                     .stats = stats,
                     .log = log,
                     .is_shedding = [this] { return sheds; },
                     .may_record = [this] { return has_room; },
                     .append = [this](audit::Event event) { events.push_back(std::move(event).text()); }},
        options);
  }
  // Of changes that had that outcome, as the metrics page tells it.
  std::uint64_t count(std::string_view outcome) const {
    const NamedDoor named[] = {{"dns", &stats}};
    const std::string page = expose(named);
    const std::string line =
        fmt::format("claviger_dns_record_changes_total{{door=\"dns\",outcome=\"{}\"}} ", outcome);
    const std::size_t at = page.find(line);
    EXPECT_NE(at, std::string::npos) << page;
    return std::stoull(page.substr(at + line.size()));
  }
  // As long as that goes by, looked after once a second.
  void pass(int for_seconds) {
    for (int i = 0; i < for_seconds; ++i) {
      clock.skip(seconds(1));
      loop().turn(milliseconds(0));
      door->look_after();
      EXPECT_TRUE(run_until([this] { return door->is_idle(); }));
    }
  }
  std::string list() {
    return send(*door, "GET /records HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAccept: " +
                           std::string(kWebhookType) + "\r\n\r\n");
  }
  std::string post(const std::string& body) {
    return send(*door, "POST /records HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: " +
                           std::string(kWebhookType) + "\r\nContent-Length: " + std::to_string(body.size()) +
                           "\r\n\r\n" + body);
  }
};

TEST_F(DoorUpkeepTest, AsksLessAndLessOftenWhetherDnsCanBeReached) {
  server.nodes["a"].is_down = true;
  pass(1);
  EXPECT_THAT(server.calls, SizeIs(1));
  pass(10);  // after 1, 2 and 4 more
  EXPECT_THAT(server.calls, SizeIs(4));
  pass(600);
  EXPECT_LE(server.calls.size(), 4U + 3U + 600U / 30U);
  server.nodes["a"].is_down = false;
  pass(31);
  EXPECT_THAT(stats.why_not_ready(), IsEmpty());
  server.calls.clear();
  pass(600);
  EXPECT_THAT(server.calls, SizeIs(20)) << "zones and a name once a minute, while all is well";
}

// A request may take hundreds of megabytes: what is shed elsewhere is not to be had here.
TEST_F(DoorUpkeepTest, TakesNothingWhileTheGatewayShedsLoad) {
  sheds = true;
  EXPECT_THAT(list(), HasSubstr(" 503 "));
  EXPECT_THAT(post("{}"), HasSubstr("sheds load"));
  sheds = false;
  EXPECT_THAT(list(), HasSubstr(" 200 "));
}

constexpr std::string_view kOwner = "heritage=external-dns,external-dns/owner=me";

struct LeftBehindTest : DoorUpkeepTest {
  // As ExternalDNS asks, every five seconds.
  void cycle(int times) {
    for (int i = 0; i < times; ++i) {
      pass(5);
      list();
    }
  }
  // The record goes, its owner's record cannot be deleted.
  void leave_one() {
    pass(1);
    server.zones["example.com"] = {
        {.name = "www.example.com", .type = "A", .value = "192.0.2.1"},
        {.name = "a-www.example.com", .type = "TXT", .value = std::string(kOwner)}};
    server.instead = [](std::string_view call) -> std::optional<Result<ApiAnswer>> {
      if (call.find(" delete a-www") == std::string_view::npos) return std::nullopt;
      return Result<ApiAnswer>(Error(Code::kUpstreamFailed, Blame::kUpstream, "hung up"));
    };
    EXPECT_THAT(
        post(R"({"delete":[{"dnsName":"www.example.com","recordType":"A","targets":["192.0.2.1"]},)"
             R"({"dnsName":"a-www.example.com","recordType":"TXT","targets":["\"heritage=external-dns,)"
             R"(external-dns/owner=me\""],"labels":{"ownedRecord":"www.example.com"}}]})"),
        HasSubstr(" 503 "));
    EXPECT_THAT(server.records(), SizeIs(1));
    events.clear();
  }
};

TEST_F(LeftBehindTest, IsDeletedOnceItCanBe) {
  leave_one();
  cycle(20);
  EXPECT_THAT(server.records(), SizeIs(1));
  const std::size_t tried = events.size();
  EXPECT_GE(tried, 2U);
  EXPECT_LE(tried, 8U) << "less and less often";
  server.instead = nullptr;
  cycle(13);
  EXPECT_THAT(server.records(), IsEmpty());
  EXPECT_THAT(events.back(), HasSubstr(R"("record":"a-www.example.com")"));
  EXPECT_THAT(events.back(), HasSubstr(R"("outcome":"done")"));
  server.calls.clear();
  cycle(12);
  EXPECT_THAT(server.writes(), IsEmpty());
}

// ExternalDNS makes no owner's record of a name where it has seen one: none goes between its look and what it makes of it.
TEST_F(LeftBehindTest, IsDeletedOnlyBeforeTheRecordsAreListed) {
  leave_one();
  server.instead = nullptr;
  pass(60);
  EXPECT_THAT(server.records(), SizeIs(1));
  EXPECT_THAT(list(), Not(HasSubstr("a-www")));
  EXPECT_THAT(server.records(), IsEmpty());
}

// Whoever can reach the door could otherwise put it off for ever, or fill the memory.
TEST_F(LeftBehindTest, IsNoMoreThanFitsIntoFourMebibytes) {
  pass(1);
  server.nodes["a"].is_down = true;
  std::string changes;
  for (int i = 0; i < 2000; ++i)
    changes += fmt::format(
        R"({}{{"dnsName":"a-n{}.example.com","recordType":"TXT","targets":["heritage=external-dns,{}"]}})",
        i == 0 ? "" : ",", i, std::string(3000, 'x'));
  EXPECT_THAT(post(fmt::format(R"({{"delete":[{}]}})", changes)), HasSubstr(" 503 "));
  server.nodes["a"].is_down = false;
  const std::uint64_t before = count("unchanged");
  pass(2);
  std::uint64_t last = 0;
  do {
    last = count("unchanged");
    list();
  } while (count("unchanged") > last);
  EXPECT_GE(count("unchanged") - before, 1000U);
  EXPECT_LE(count("unchanged") - before, (4U << 20U) / 3000U);
}

TEST_F(LeftBehindTest, IsHeldOnceAndNotPutOffByMore) {
  leave_one();
  server.nodes["a"].is_down = true;
  for (int i = 0; i < 10; ++i) {
    pass(1);
    EXPECT_THAT(
        post(
            R"({"delete":[{"dnsName":"a-www.example.com","recordType":"TXT","targets":["heritage=external-dns,x"]}]})"),
        HasSubstr(" 503 "));
  }
  server.nodes["a"].is_down = false;
  server.instead = nullptr;
  server.calls.clear();
  EXPECT_THAT(list(), HasSubstr(" 200 "));
  EXPECT_THAT(server.writes(), SizeIs(1));
  EXPECT_THAT(server.records(), IsEmpty());
}

TEST_F(LeftBehindTest, IsNoneAnyMoreOnceItIsWantedAgain) {
  leave_one();
  EXPECT_THAT(
      post(
          R"({"create":[{"dnsName":"a-www.example.com","recordType":"TXT","targets":["\"heritage=external-dns,)"
          R"(external-dns/owner=me\""],"labels":{"ownedRecord":"www.example.com"}}]})"),
      HasSubstr(" 204 "));
  server.instead = nullptr;
  cycle(12);
  EXPECT_THAT(server.records(), SizeIs(1));
}

TEST_F(DoorUpkeepTest, RecordsRefusalsOfAMinuteAsSums) {
  for (int i = 0; i < 100; ++i)
    post(R"({"create":[{"dnsName":"x.example.com","recordType":"NONSENSE","targets":["a"]}]})");
  EXPECT_THAT(events, SizeIs(10));
  clock.skip(std::chrono::minutes(1));
  loop().turn(milliseconds(0));
  post(R"({"create":[{"dnsName":"x.example.com","recordType":"NONSENSE","targets":["a"]}]})");
  ASSERT_THAT(events, SizeIs(11));
  EXPECT_THAT(events.back(), HasSubstr(R"("refused":91)"));
}

TEST_F(LeftBehindTest, StaysWhileTheAuditLogTakesNothing) {
  leave_one();
  server.instead = nullptr;
  has_room = false;
  cycle(12);
  EXPECT_THAT(server.records(), SizeIs(1));
  has_room = true;
  cycle(1);
  EXPECT_THAT(server.records(), IsEmpty());
}

TEST_F(LeftBehindTest, IsNotForgottenByAReload) {
  leave_one();
  server.instead = nullptr;
  ProviderOptions other;
  other.upstreams = {"a"};
  other.zones = {"example.com"};
  other.ttl_default = 60;
  door->use(other);
  cycle(1);
  EXPECT_THAT(server.records(), IsEmpty());
}

}  // namespace
}  // namespace claviger::doors::externaldns
