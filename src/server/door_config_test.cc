// SPDX-License-Identifier: Apache-2.0
#include "server/door_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config.h"
#include "server/config_changes.h"
#include "server/yaml.h"

namespace claviger::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<Config> parse(const std::string& text) {
  const auto documents = read_yaml(text, "c.yaml");
  if (!documents.has_value()) return documents.error();
  return parse_config(documents->front());
}

// A configuration with one door, of which `more` is said besides what has to be.
std::string with(const std::string& more) {
  return "doors: [ { name: dns, kind: externaldns, principal: p, upstreams: [ a ]" +
         (more.empty() ? "" : ", " + more) + " } ]";
}
std::string complaint(const std::string& text) {
  const auto config = parse(text);
  EXPECT_FALSE(config.has_value()) << text;
  return config.has_value() ? "" : std::string(config.error().what());
}

TEST(DoorConfig, HasADefaultForAllButWhoAndWhere) {
  const auto config = parse(with(""));
  ASSERT_TRUE(config.has_value()) << config.error().what();
  const DoorConfig& door = config->doors.at(0);
  EXPECT_EQ(net::format_endpoint(door.listen), "127.0.0.1:8888");
  EXPECT_EQ(net::format_endpoint(*door.health), "127.0.0.1:8080");
  EXPECT_EQ(door.dns.deadline, std::chrono::seconds(12));
  EXPECT_EQ(door.dns.max_delete_percent, 50U);
  EXPECT_THAT(door.dns.zones, IsEmpty());
  EXPECT_TRUE(parse("{}")->doors.empty());
}

TEST(DoorConfig, ReadsEveryKey) {
  const auto config = parse(R"(
doors:
  - name: one
    kind: externaldns
    listen: "0.0.0.0:1"
    allow_remote: true
    health: off
    principal: p
    upstreams: [a, b]
    zones: [Example.COM., 1.168.192.in-addr.arpa, xn--bcher-kva.example]
    filter: { include: [example.com, .sub.example.com], exclude: [no.example.com] }
    create_zones: { catalog: catalog.example }
    node: dns1.example.com
    ttl: { default: 60, min: 30, max: 3600 }
    max_delete_share: 10%
    allow_mass_delete: true
    parallel: 3
    deadline: 9s
    dry_run: true
)");
  ASSERT_TRUE(config.has_value()) << config.error().what();
  const DoorConfig& door = config->doors.at(0);
  EXPECT_EQ(door.name, "one");
  EXPECT_FALSE(door.health);
  EXPECT_EQ(door.principal, "p");
  EXPECT_THAT(door.dns.upstreams, ElementsAre("a", "b"));
  EXPECT_THAT(door.dns.zones, ElementsAre("example.com", "1.168.192.in-addr.arpa", "xn--bcher-kva.example"));
  EXPECT_THAT(door.dns.filter.include, ElementsAre("example.com", ".sub.example.com"));
  EXPECT_THAT(door.dns.filter.exclude, ElementsAre("no.example.com"));
  EXPECT_TRUE(door.dns.create_zones);
  EXPECT_EQ(door.dns.catalog, "catalog.example");
  EXPECT_EQ(door.dns.node, "dns1.example.com");
  EXPECT_EQ(door.dns.ttl_default, 60);
  EXPECT_EQ(door.dns.ttl_min, 30);
  EXPECT_EQ(door.dns.ttl_max, 3600);
  EXPECT_EQ(door.dns.max_delete_percent, 10U);
  EXPECT_TRUE(door.dns.allow_mass_delete);
  EXPECT_EQ(door.dns.parallel, 3U);
  EXPECT_EQ(door.dns.deadline, std::chrono::seconds(9));
  EXPECT_TRUE(door.dns.dry_run);
}

TEST(DoorConfig, OpensToTheNetworkOnlyWhenThatIsSaid) {
  EXPECT_THAT(complaint(with("listen: '0.0.0.0:8888'")), HasSubstr("allow_remote"));
  EXPECT_TRUE(parse(with("listen: '0.0.0.0:8888', allow_remote: true")).has_value());
  EXPECT_TRUE(parse(with("health: '0.0.0.0:8080'")).has_value());
}

TEST(DoorConfig, RefusesWhatIsWrongAndSaysWhere) {
  for (const auto& [text, wanted] : std::vector<std::pair<std::string, std::string>>{
           {"doors: {}", "must be a list"},
           {"doors: [ { name: dns, kind: externaldns, upstreams: [ a ] } ]", "'principal' is missing"},
           {"doors: [ { name: dns, kind: externaldns, principal: p } ]", "'upstreams' is missing"},
           {"doors: [ { name: dns, kind: relay, principal: p, upstreams: [ a ] } ]", "must be externaldns"},
           {"doors: [ { name: 'a b', kind: externaldns, principal: p, upstreams: [ a ] } ]", "name: must be"},
           {with("zone: [ a.example ]"), "did you mean 'zones'"},
           {with("zones: []"), "leave it out"},
           {with("zones: [ 'a..example' ]"), "empty label"},
           {with("zones: [ -a.example ]"), "begins or ends with '-'"},
           {with("zones: [ '*.example' ]"), "without '*'"},
           {with("zones: [ a.example ], filter: { include: [ b.example ] }"),
            "b.example is in none of the door's zones"},
           {with("listen: '127.0.0.1:8888', health: '0.0.0.0:8888'"), "the same"},
           {with("zones: [ a.example, A.EXAMPLE. ]"), "twice"},
           {with("filter: { include: [ a.example ], regex_include: 'a' }"), "do not go together"},
           {with("filter: {}"), "is empty"},
           {with("create_zones: true"), "`zones`"},
           {with("ttl: { min: 301 }"), "min may not exceed default"},
           {with("ttl: { default: 0 }"), "from 1 to"},
           {with("max_delete_share: 0.5"), "0% to 100%"},
           {with("max_delete_share: 101%"), "0% to 100%"},
           {with("deadline: 15s"), "1s to 14s"},
           {with("parallel: 0"), "from 1 to 64"},
           {with("health: '127.0.0.1:8888'"), "the same address"},
           {with("upstreams: [ a ]"), ""}}) {
    EXPECT_THAT(complaint(text), HasSubstr(wanted)) << text;
    EXPECT_THAT(complaint(text), HasSubstr("c.yaml")) << text;
  }
}

TEST(DoorConfig, KeepsDoorsApart) {
  const auto two = [](const std::string& first, const std::string& second) {
    const std::string rest = ", kind: externaldns, principal: p, upstreams: [ a ] }";
    return "doors: [ { " + first + rest + ", { " + second + rest + " ]";
  };
  EXPECT_THAT(complaint(two("name: a", "name: a, listen: '127.0.0.1:1', health: off")),
              HasSubstr("two doors"));
  EXPECT_THAT(complaint(two("name: a", "name: b, health: off")), HasSubstr("both listen on 127.0.0.1:8888"));
  EXPECT_THAT(complaint(two("name: a", "name: b, listen: '127.0.0.1:1'")),
              HasSubstr("both listen on 127.0.0.1:8080"));
  EXPECT_TRUE(parse(two("name: a", "name: b, listen: '127.0.0.1:1', health: off")).has_value());
  EXPECT_TRUE(parse(two("name: a, listen: '127.0.0.1:0', health: '127.0.0.1:0'",
                        "name: b, listen: '127.0.0.1:0', health: '127.0.0.1:0'"))
                  .has_value());
}

TEST(DoorConfig, SaysWhatAReloadTakesOverAndWhatNeedsARestart) {
  const auto between = [](const std::string& one, const std::string& other) {
    return compare(*parse(one), *parse(other));
  };
  EXPECT_THAT(between(with(""), with("dry_run: true, zones: [ a.example ]")).live, ElementsAre("doors"));
  EXPECT_THAT(between(with(""), with("dry_run: true")).restart, IsEmpty());
  for (const std::string& other :
       {with("listen: '127.0.0.1:1'"), with("health: off"), std::string("{}"),
        std::string("doors: [ { name: dns, kind: externaldns, principal: q, upstreams: [ a ] } ]")})
    EXPECT_THAT(between(with(""), other).restart, ElementsAre("doors (names, listeners, principals)"));
}

}  // namespace
}  // namespace claviger::server
