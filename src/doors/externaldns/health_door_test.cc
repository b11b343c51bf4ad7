// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/health_door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "base/testing/fake_clock.h"
#include "doors/externaldns/testing/door_visits.h"

namespace claviger::doors::externaldns {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct StandingClock {
  base::testing::FakeClock clock;
};

struct HealthDoorTest : ::testing::Test, StandingClock, testing::DoorVisits {
  bool is_alive = true;
  std::string why_not;
  unsigned pages = 0;
  std::optional<HealthDoor> door;

  HealthDoorTest() : DoorVisits(clock) { open(true); }
  void open(bool is_on_loopback) {
    door.emplace(HealthServices{.is_on_loopback = is_on_loopback,
                                .is_alive = [this] { return is_alive; },
                                .why_not_ready = [this] { return why_not; },
                                .metrics = [this] { return "pages " + std::to_string(++pages) + "\n"; }});
  }

  std::string send(const std::string& request) { return DoorVisits::send(*door, request); }
  std::string get(const std::string& path, const std::string& host = "127.0.0.1:8080") {
    return send("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
  }
};

TEST_F(HealthDoorTest, SaysWhatItKnows) {
  EXPECT_THAT(get("/healthz"), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("\r\n\r\nok\n")));
  EXPECT_THAT(get("/readyz"), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("\r\n\r\nready\n")));
  why_not = "nobody answers";
  EXPECT_THAT(get("/readyz"), AllOf(StartsWith("HTTP/1.1 503 "), EndsWith("not ready: nobody answers\n")));
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200 ")) << "a restart would not help";
  is_alive = false;
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(HealthDoorTest, RefusesWithTheProblemDocumentsThatAreDocumented) {
  const std::string answer = get("/records");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Claviger-Error: not_found\r\n"));
  EXPECT_THAT(answer, HasSubstr(R"({"type":"urn:claviger:error:not_found","title":)"));
  EXPECT_THAT(answer, HasSubstr(R"("detail":"there are /healthz, /readyz and /metrics","code":"not_found")"));
  EXPECT_THAT(answer, Not(HasSubstr("Strict-Transport-Security")));
  EXPECT_THAT(send("POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"),
              StartsWith("HTTP/1.1 405 "));
}

// A name whose owner points it at 127.0.0.1 makes any page of his one of the gateway's.
TEST_F(HealthDoorTest, OnLoopbackIsAskedByAddressOrLocalhostAlone) {
  for (const std::string host : {"localhost", "LocalHost:8080", "127.0.0.1", "[::1]:8080"})
    EXPECT_THAT(get("/metrics", host), StartsWith("HTTP/1.1 200 ")) << host;
  for (const std::string host : {"evil.example", "127.0.0.1.evil.example:8080"})
    EXPECT_THAT(get("/metrics", host), StartsWith("HTTP/1.1 403 ")) << host;
  open(false);
  EXPECT_THAT(get("/metrics", "external-dns.external-dns.svc:8080"), StartsWith("HTTP/1.1 200 "))
      << "a pod is asked by the name of its service";
}

TEST_F(HealthDoorTest, MakesItsPageOnceASecondHoweverOftenItIsAsked) {
  for (int i = 0; i < 20; ++i) EXPECT_THAT(get("/metrics"), EndsWith("pages 1\n"));
  clock.advance(std::chrono::seconds(1));
  EXPECT_THAT(get("/metrics"), EndsWith("pages 2\n"));
}

}  // namespace
}  // namespace claviger::doors::externaldns
