// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/parse.h"
#include "cli/resource_table.h"

namespace claviger::cli {
namespace {

const WallTime kNow = *base::parse_rfc3339("2026-06-01T12:00:00Z");

std::string row_of(policy::Kind kind, std::string_view json) {
  Table table = make_resource_table(kind);
  const auto resource = base::parse_json(json, "test");
  EXPECT_TRUE(resource.has_value());
  add_resource_row(table, kind, *resource, kNow);
  return table.text();
}

TEST(Table, KeepsItsColumnsInLine) {
  Table table({"NAME", "STATE"});
  EXPECT_TRUE(table.is_empty());
  table.add({"a", ""});
  table.add({"für", "on"});
  EXPECT_EQ(table.text(), "NAME  STATE\na     -\nfür   on\n");
}

TEST(Table, CutsWhatIsTooLongAndShowsControlCharacters) {
  Table table({"A", "B"});
  table.add({std::string(200, 'x'), "\x1b[2J"});
  EXPECT_TRUE(table.text().contains(std::string(57, 'x') + "...  \\x1b[2J\n")) << table.text();
}

TEST(Table, TellsAgesInTheUnitThatSaysMost) {
  using namespace std::chrono_literals;
  EXPECT_EQ(format_age(kNow - 119s, kNow), "119s");
  EXPECT_EQ(format_age(kNow - 120s, kNow), "2m");
  EXPECT_EQ(format_age(kNow - 3h, kNow), "3h");
  EXPECT_EQ(format_age(kNow - 72h, kNow), "3d");
  EXPECT_EQ(format_age(kNow - 24h * 800, kNow), "2y");
  EXPECT_EQ(format_age(kNow + 5s, kNow), "0s");
  EXPECT_EQ(format_age("yesterday", kNow), "");
  EXPECT_EQ(format_distance("2026-06-01T15:00:00Z", kNow), "in 3h");
  EXPECT_EQ(format_distance("2026-06-01T09:00:00Z", kNow), "3h ago");
}

TEST(ResourceTable, ShowsTheStateOfACredential) {
  EXPECT_EQ(
      row_of(
          policy::Kind::kCredential,
          R"({"name":"main","upstream":"openai","status":{"state":"unbound","version":3,"set_at":"2026-05-31T12:00:00Z"}})"),
      "NAME  UPSTREAM  STATE    VERSION  SET  ROTATION  LAST USED\n"
      "main  openai    unbound  3        24h  -         -\n");
}

TEST(ResourceTable, ShowsWhatAnApiKeyIsGoodFor) {
  const auto state = [](std::string_view rest) {
    return row_of(policy::Kind::kApiKey, R"({"name":"7f3k9x2m","principal":"ci")" + std::string(rest) + "}");
  };
  EXPECT_TRUE(state("").contains("active  never    anywhere"));
  EXPECT_TRUE(state(R"(,"expires":"2026-05-01T00:00:00Z")").contains("expired  31d ago"));
  EXPECT_TRUE(
      state(R"(,"status":{"revoked":true},"cidrs":["10.0.0.0/8"])").contains("revoked  never    10.0.0.0/8"));
}

TEST(ResourceTable, ShowsWhomAGrantIsFor) {
  EXPECT_TRUE(
      row_of(
          policy::Kind::kGrant,
          R"({"name":"g","role":"dev","upstream":"u","methods":["GET","PUT","POST","DELETE"],"rate":"60/min","quota":"1000/d"})")
          .contains("g     role:dev  u         GET,PUT,POST,+1  all    60/min,1000/d  never"));
}

TEST(ResourceTable, TakesAnyObjectForAResource) {
  for (const auto kind : {policy::Kind::kUpstream, policy::Kind::kCredential, policy::Kind::kPrincipal,
                          policy::Kind::kApiKey, policy::Kind::kGrant})
    for (const char* json : {"{}", R"({"name":[],"status":7,"auth":"x","roles":{"a":1},"expires":true})"})
      EXPECT_FALSE(row_of(kind, json).empty());
}

}  // namespace
}  // namespace claviger::cli
