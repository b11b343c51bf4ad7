// SPDX-License-Identifier: Apache-2.0
// What the door answers whatever DNS says; what becomes of records is the provider's (provider_test.cc).
#include "doors/externaldns/externaldns_door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "doors/externaldns/testing/door_visits.h"

namespace claviger::doors::externaldns {
namespace {

using std::chrono::milliseconds;
using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kType = std::string("Content-Type: ") + std::string(kWebhookType) + "\r\n";
const std::string kAccept = std::string("Accept: ") + std::string(kWebhookType) + "\r\n";

// A node that is down.
class NobodyThere final : public ApiCaller {
 public:
  net::Task<Result<ApiAnswer>> send(ApiRequest) override {
    ++calls;
    co_return Error(Code::kUpstreamFailed, Blame::kUpstream, "nobody is there");
  }
  unsigned calls = 0;
};

struct DoorTest : ::testing::Test, testing::DoorVisits {
  telemetry::Log log{telemetry::Level::kError, STDERR_FILENO, real_clock()};
  NobodyThere calls;
  DoorStats stats;
  bool has_room = true;
  std::vector<std::string> events;
  std::optional<ExternalDnsDoor> door;

  DoorTest() { open(true); }
  void open(bool is_on_loopback) {
    door.emplace(
        DoorServices{.name = "dns",
                     .principal = "external-dns",
                     .is_on_loopback = is_on_loopback,
                     .loop = loop(),
                     .calls = calls,
                     .stats = stats,
                     .log = log,
                     .may_record = [this] { return has_room; },
                     .append = [this](audit::Event event) { events.push_back(std::move(event).text()); }},
        options());
  }
  static ProviderOptions options() {
    ProviderOptions options;
    options.upstreams = {"technitium"};
    options.zones = {"example.com"};
    options.filter.include = {"example.com"};
    options.deadline = std::chrono::seconds(1);
    return options;
  }

  std::string send(const std::string& request) { return DoorVisits::send(*door, request); }
  std::string get(const std::string& path, const std::string& fields = kAccept) {
    return send("GET " + path + " HTTP/1.1\r\nHost: localhost:8888\r\nConnection: close\r\n" + fields +
                "\r\n");
  }
  std::string post(const std::string& path, const std::string& body, const std::string& fields = kType) {
    return send("POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1:8888\r\nConnection: close\r\n" + fields +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  static unsigned status_of(const std::string& answer) {
    return answer.size() > 12 ? static_cast<unsigned>(std::stoi(answer.substr(9, 3))) : 0;
  }
};

TEST_F(DoorTest, NegotiatesInTheOneMediaTypeThatThereIs) {
  const std::string answer = get("/");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: application/external.dns.webhook+json;version=1\r\n"));
  EXPECT_THAT(answer, EndsWith(R"({"include":["example.com"]})"));
  EXPECT_THAT(answer, Not(HasSubstr("filters")));
}

TEST_F(DoorTest, AnswersChangesWith204AndNothingElse) {
  for (const std::string body : {"{}", R"({"create":[],"updateOld":null,"delete":[]})"}) {
    const std::string answer = post("/records", body);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 204 "));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  }
  EXPECT_EQ(calls.calls, 0U);
}

TEST_F(DoorTest, AdjustsWithoutAskingAnybody) {
  const std::string answer = post("/adjustendpoints", "[]", kType + kAccept);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n[]"));
  EXPECT_EQ(calls.calls, 0U);
}

// Anything else would end ExternalDNS.
TEST_F(DoorTest, RefusesWhateverMayBeExternalDnssWith503) {
  const std::string change =
      R"({"create":[{"dnsName":"a.example.com","recordType":"A","targets":["192.0.2.1"]}]})";
  const std::string other = "Accept: application/external.dns.webhook+json;version=2\r\n";
  EXPECT_EQ(status_of(get("/", other)), 503U);
  EXPECT_EQ(status_of(get("/records", other)), 503U);
  EXPECT_EQ(status_of(get("/records")), 503U);
  EXPECT_EQ(status_of(post("/records", change)), 503U);
  EXPECT_EQ(status_of(post("/records", change, "Content-Type: application/json\r\n")), 503U);
  EXPECT_EQ(status_of(post("/records", change,
                           "Content-Type: application/external.dns.webhook+json; version=1\r\n")),
            503U);
  EXPECT_EQ(status_of(post("/records", change, "")), 503U);
  EXPECT_EQ(status_of(post("/records", change, kType + "Content-Encoding: gzip\r\n")), 503U);
  for (const std::string body : {"", "{", "[]", "null and void", R"({"create":[{"dnsName":7}]})", "\xff"})
    EXPECT_EQ(status_of(post("/records", body)), 503U) << body;
  EXPECT_EQ(status_of(post("/adjustendpoints", "{}")), 503U);
}

TEST_F(DoorTest, SaysWhyInTheAnswer) {
  const std::string answer = get("/records");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: application/problem+json\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Claviger-Error: "));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Request-Id: "));
  EXPECT_THAT(answer, HasSubstr("nobody is there"));
}

// Whoever is cut off in the middle of sending may never read the answer.
TEST_F(DoorTest, ReadsABodyThatIsTooLargeToItsEndBeforeItIsRefused) {
  const std::string answer = post("/records", std::string(kMostWebhookBody + 1, ' '));
  EXPECT_EQ(status_of(answer), 503U);
  EXPECT_THAT(answer, HasSubstr("too_large"));
  EXPECT_THAT(answer, HasSubstr("larger than 33554432 bytes"));
}

TEST_F(DoorTest, KeepsAConnectionThroughRefusals) {
  const std::string request = "POST /records HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\nabc";
  const std::string last = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  const std::string answers = send(request + request + last);
  EXPECT_THAT(answers, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answers, EndsWith(R"({"include":["example.com"]})"));
}

TEST_F(DoorTest, BeginsNoChangeThatCouldNotBeRecorded) {
  has_room = false;
  const std::string answer = post(
      "/records", R"({"create":[{"dnsName":"a.example.com","recordType":"A","targets":["192.0.2.1"]}]})");
  EXPECT_EQ(status_of(answer), 503U);
  EXPECT_THAT(answer, HasSubstr("audit log"));
  EXPECT_EQ(calls.calls, 0U);
}

TEST_F(DoorTest, TellsStrangersWhatTheyShouldHear) {
  EXPECT_EQ(status_of(get("/metrics")), 404U);
  EXPECT_EQ(status_of(get("/records/")), 404U);
  EXPECT_EQ(status_of(post("/", "{}")), 405U);
  EXPECT_EQ(status_of(send("DELETE /records HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")), 405U);
  EXPECT_EQ(status_of(send("what?\r\n\r\n")), 400U);
}

TEST_F(DoorTest, LetsNoPageOfABrowsersCall) {
  for (const std::string sign : {"Origin: http://evil.example\r\n", "Sec-Fetch-Site: same-origin\r\n",
                                 "Cookie: a=b\r\n", "origin: null\r\n"}) {
    EXPECT_EQ(status_of(get("/records", kAccept + sign)), 403U) << sign;
    EXPECT_EQ(status_of(post("/records", "{}", kType + sign)), 403U) << sign;
  }
  EXPECT_EQ(
      status_of(send("OPTIONS /records HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.example\r\n\r\n")),
      403U);
}

// A name whose owner points it at 127.0.0.1 makes any page of his one of the door's.
TEST_F(DoorTest, OnLoopbackIsCalledByAddressOrLocalhostAlone) {
  const auto by = [this](const std::string& host) {
    return status_of(send("GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"));
  };
  for (const std::string host : {"localhost", "LOCALHOST:8888", "127.0.0.1", "127.0.0.1:8888", "[::1]:8888"})
    EXPECT_EQ(by(host), 200U) << host;
  for (const std::string host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8888"})
    EXPECT_EQ(by(host), 403U) << host;
  open(false);
  EXPECT_EQ(by("external-dns-webhook.dns.svc"), 200U);
}

TEST_F(DoorTest, IsReadyWhenDnsWasReachedAndNotBefore) {
  EXPECT_THAT(stats.why_not_ready(), HasSubstr("no node has been asked yet"));
  door->look_after();
  EXPECT_TRUE(run_until([this] { return !stats.why_not_ready().contains("asked yet"); }));
  EXPECT_THAT(stats.why_not_ready(), HasSubstr("nobody is there"));
}

TEST_F(DoorTest, TakesNothingWhileTheGatewayStops) {
  door->stop();
  EXPECT_EQ(status_of(get("/")), 503U);
}

TEST_F(DoorTest, CountsWhatItAnswered) {
  get("/");
  get("/records");
  get("/elsewhere");
  const NamedDoor named{"dns", &stats};
  const std::string page = expose({&named, 1});
  EXPECT_THAT(page, HasSubstr(R"(claviger_dns_requests_total{door="dns",call="negotiate",result="ok"} 1)"));
  EXPECT_THAT(page,
              HasSubstr(R"(claviger_dns_requests_total{door="dns",call="records",result="refused"} 1)"));
  EXPECT_THAT(page, HasSubstr(R"(claviger_dns_strangers_total{door="dns"} 1)"));
}

TEST(DoorStats, IsAliveWhileItsThreadTurns) {
  DoorStats stats;
  const Monotonic now = std::chrono::steady_clock::now();
  stats.beat(now);
  EXPECT_TRUE(stats.is_alive(now + std::chrono::seconds(20)));
  EXPECT_FALSE(stats.is_alive(now + std::chrono::seconds(40)));
}

}  // namespace
}  // namespace claviger::doors::externaldns
