// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/technitium.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/testing/loop_fixture.h"

namespace claviger::doors::externaldns {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Answers as it is told.
struct Answers final : ApiCaller {
  explicit Answers(net::Loop& loop) : loop(loop) {}
  net::Task<Result<ApiAnswer>> send(ApiRequest request) override {
    calls.push_back(fmt::format("{} {} {}", request.upstream, request.path, request.form));
    auto answer = to(request.form);
    co_await loop.yield();
    if (answer.status != 200 || !request.on_body) co_return answer;
    CLV_CO_TRY_VOID(request.on_body(std::exchange(answer.body, {})));
    co_return answer;
  }
  net::Loop& loop;
  std::function<ApiAnswer(std::string_view form)> to;
  std::vector<std::string> calls;
};

struct TechnitiumTest : ::testing::Test, net::testing::LoopFixture {
  Answers answers{loop()};
  Technitium server{answers};
  const Node kNode{.upstream = "a", .by_way = {}};

  static ApiAnswer body(std::string text) { return {.status = 200, .body = std::move(text)}; }
  Result<std::vector<ServerZone>> zones(Node node = {.upstream = "a", .by_way = {}}) {
    return finish(server.list_zones(std::move(node), Monotonic::max()));
  }
  std::string zones_fail() {
    const auto listed = zones();
    return listed.has_value() ? "" : std::string(listed.error().what());
  }
};

TEST_F(TechnitiumTest, ListsZonesThatCanHoldNamesOfOurs) {
  answers.to = [](std::string_view) {
    return body(
        R"({"response":{"zones":[{"name":"","type":"Primary"},{"name":"Example.com","type":"Primary","internal":false,
            "catalog":null,"tags":["x",{"name":"y"}],"disabled":true},{"name":"localhost","type":"Primary","internal":true}]},
            "server":"ns1","status":"ok"})");
  };
  const auto listed = zones({.upstream = "a", .by_way = "ns 1"});
  ASSERT_TRUE(listed.has_value()) << listed.error().what();
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_EQ(listed->at(0).name, "example.com");
  EXPECT_EQ(listed->at(0).type, "Primary");
  EXPECT_TRUE(listed->at(0).is_disabled);
  EXPECT_FALSE(listed->at(0).is_internal);
  EXPECT_TRUE(listed->at(1).is_internal);
  EXPECT_THAT(answers.calls, ElementsAre("a /api/zones/list node=ns%201"));
}

TEST_F(TechnitiumTest, AsksForThePagesThatAServerMakesUnasked) {
  answers.to = [](std::string_view form) {
    const std::string number = form.empty() ? "1" : std::string(form.substr(form.find('=') + 1));
    return body(fmt::format(
        R"({{"status":"ok","response":{{"pageNumber":{0},"totalPages":3,"totalZones":3,"zones":[{{"name":"z{0}.example","type":"Primary"}}]}}}})",
        number));
  };
  const auto listed = zones();
  ASSERT_TRUE(listed.has_value()) << listed.error().what();
  EXPECT_EQ(listed->size(), 3U);
  EXPECT_EQ(listed->back().name, "z3.example");
  EXPECT_THAT(answers.calls, ElementsAre("a /api/zones/list ", "a /api/zones/list pageNumber=2",
                                         "a /api/zones/list pageNumber=3"));
}

TEST_F(TechnitiumTest, TakesNoListOfZonesThatIsNotWhole) {
  answers.to = [](std::string_view) {
    return body(R"({"status":"ok","response":{"totalZones":2,"zones":[{"name":"a.example"}]}})");
  };
  EXPECT_EQ(zones_fail(), "a: it lists 1 of 2 zones");
  answers.to = [](std::string_view) {
    return body(R"({"status":"ok","response":{"totalPages":4000000000,"zones":[{"name":"a.example"}]}})");
  };
  EXPECT_EQ(zones_fail(), "a: its list of zones has more than 1000 pages");
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {R"({"status":"ok"})", "its list of zones is none"},
           {R"({"status":"ok","response":{"zones":{}}})", "its list of zones is none"},
           {R"({"status":"ok","zones":[]})", "its list of zones is none"},
           {R"({"status":"error","errorMessage":"No.","innerErrorMessage":"Why"})", "No. (Why)"},
           {"[]", "it says ''"},
           {"{", "it ends too early"}}) {
    answers.to = [text](std::string_view) { return body(text); };
    EXPECT_THAT(zones_fail(), HasSubstr(why)) << text;
  }
}

TEST_F(TechnitiumTest, HoldsNoMoreZonesThanThereAre) {
  std::string list = R"({"status":"ok","response":{"zones":[0)";
  for (std::size_t i = 0; i <= ZoneSink::kMostZones; ++i) list += R"(,{"name":"a.example"})";
  answers.to = [&list](std::string_view) { return body(list + "]}}"); };
  EXPECT_EQ(zones_fail(), "a: the server lists more than 100,000 zones");
}

TEST_F(TechnitiumTest, SaysOfWhatTheGatewayRefusesWhereToLook) {
  for (const auto& [code, words] : std::vector<std::pair<std::string, std::string>>{
           {"denied",
            "a: the gateway does not let the call through: denied: see the grant of the door's principal: "
            "why"},
           {"limited", "see rate and quota of the grant of the door's principal: why"},
           {"unauthenticated", "see the door's principal: why"},
           {"no_credential", "a: no credential works: check user and password: why"},
           {"no_upstream", "a: the gateway has mounted nothing there: why"},
           {"bad_request", "a: the gateway takes the call for malformed: why"},
           {"too_large", "see limits.body: why"},
           {"upstream_failed", "a: cannot be reached: why"},
           {"upstream_timeout", "a: cannot be reached in time: why"},
           {"unavailable", "a: cannot be reached: the gateway takes no calls: why"},
           {"later", "a: the gateway answers in its place: later: why"}}) {
    answers.to = [code](std::string_view) {
      return ApiAnswer{.status = 503, .body = R"({"detail":"why"})", .error_code = code};
    };
    EXPECT_THAT(zones_fail(), HasSubstr(words));
  }
  answers.to = [](std::string_view) {
    return ApiAnswer{
        .status = 429, .body = "<html>", .error_code = "limited", .request_id = {}, .retry_after = 7};
  };
  EXPECT_THAT(zones_fail(), ::testing::EndsWith("principal (again in 7 s)"));
}

TEST_F(TechnitiumTest, TellsWhatWillNotBeOtherwiseNextTimeFromWhatMay) {
  const auto changed = [this] {
    return finish(server.change(kNode, "/api/zones/records/add", "&domain=a.example", Monotonic::max()));
  };
  for (const std::string_view message : {"Access was denied.", "TTL cannot be greater than SOA EXPIRE."}) {
    answers.to = [message](std::string_view) {
      return body(fmt::format(R"({{"status":"error","errorMessage":"{}"}})", message));
    };
    EXPECT_EQ(changed().change, Change::kRefused);
    EXPECT_EQ(changed().reason, message);
  }
  answers.to = [](std::string_view) { return ApiAnswer{.status = 403, .body = "", .error_code = "denied"}; };
  EXPECT_EQ(changed().change, Change::kNotSent);
  answers.to = [](std::string_view) {
    return ApiAnswer{.status = 502, .body = "", .error_code = "upstream_failed"};
  };
  EXPECT_EQ(changed().change, Change::kFailed);
  answers.to = [](std::string_view) { return body(R"({"status":"ok"})"); };
  EXPECT_EQ(changed().change, Change::kDone);
}

TEST_F(TechnitiumTest, NeedsNobodyToHoldTheNodeForIt) {
  answers.to = [](std::string_view) {
    return body(R"({"status":"error","errorMessage":"No such zone was found: example.com"})");
  };
  RecordTable table;
  std::string warning;
  auto node =
      std::make_unique<Node>(Node{.upstream = "technitium-of-a-long-name", .by_way = "ns1.example.com"});
  auto listing = server.list_records(*node, "example.com", "", Monotonic::max(), table, warning);
  auto changing = server.change(*node, "/api/zones/records/add", "&ttl=1", Monotonic::max());
  auto zone_listing = server.list_zones(*node, Monotonic::max());
  node.reset();
  EXPECT_THAT(std::string(finish(std::move(listing)).error().what()),
              HasSubstr("ns1.example.com by way of technitium-of-a-long-name: "));
  EXPECT_EQ(finish(std::move(changing)).change, Change::kRefused);
  EXPECT_THAT(std::string(finish(std::move(zone_listing)).error().what()),
              HasSubstr("ns1.example.com by way of technitium-of-a-long-name: "));
}

}  // namespace
}  // namespace claviger::doors::externaldns
