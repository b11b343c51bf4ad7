// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "doors/testing/admin_stand.h"

namespace claviger::doors {
namespace {

constexpr std::string_view kPath = "/api/v1/vault/rekey";

class RekeyDoorTest : public ::testing::Test, public testing::AdminStand {};

TEST_F(RekeyDoorTest, BeginsOneAndSaysHowFarItIs) {
  EXPECT_EQ(call("GET", kPath).body, "{\"phase\":\"none\"}\n");
  const auto answer = call("POST", kPath, R"({"to":"file:/fake/new.key","remove_old":true})");
  EXPECT_EQ(answer.status, 202U);
  const std::string begun =
      R"({"phase":"rewrapping","done":0,"total":3,"from":"00000000000fake1","to":"00000000000fake2",)"
      R"("failure":"","old_key":""})"
      "\n";
  EXPECT_EQ(answer.body, begun);
  ASSERT_EQ(registry().rekeys.size(), 1U);
  EXPECT_EQ(registry().rekeys[0].first.principal, "alice");
  EXPECT_EQ(registry().rekeys[0].second.source, "file:/fake/new.key");
  EXPECT_TRUE(registry().rekeys[0].second.remove_old);
  EXPECT_EQ(call("GET", kPath).body, begun);
  registry().shown_rekey->phase = registry::RekeyState::Phase::kFinished;
  registry().shown_rekey->outcome = "kept";
  EXPECT_NE(call("GET", kPath).body.find(R"("phase":"finished")"), std::string::npos);
  EXPECT_NE(call("GET", kPath).body.find(R"("old_key":"kept")"), std::string::npos);
}

TEST_F(RekeyDoorTest, IsForAdministratorsAlone) {
  const std::string head =
      " /api/v1/vault/rekey HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\nX-API-Key: ";
  EXPECT_EQ(send("POST" + head + "$READ\r\n", "{}").status, 403U);
  EXPECT_EQ(send("POST" + head + make_key("nora") + "\r\n", "{}").status, 403U);
  EXPECT_EQ(send("GET /api/v1/vault/rekey HTTP/1.1\r\nX-API-Key: $READ\r\n").status, 200U);
  EXPECT_TRUE(registry().rekeys.empty());
}

TEST_F(RekeyDoorTest, TakesNothingButWhatItKnows) {
  for (const char* body :
       {"[]", "{\"to\":[]}", "{\"remove_old\":\"perhaps\"}", "{\"from\":\"file:x\"}", "{", ""})
    EXPECT_EQ(call("POST", kPath, body).status, 400U) << body;
  EXPECT_EQ(call("POST", kPath, R"({"to":")" + std::string(5000, 'x') + "\"}").status, 400U);
  EXPECT_TRUE(registry().rekeys.empty());
}

TEST_F(RekeyDoorTest, PassesOnWhyItCannotBe) {
  registry().fail_next(Error(Code::kConflict, Blame::kCaller, "the master key is being replaced already"));
  EXPECT_EQ(call("POST", kPath, "{}").status, 409U);
  registry().fail_next(Error(Code::kUnavailable, Blame::kOperator, "the disk is full"));
  EXPECT_EQ(call("POST", kPath, "{}").status, 503U);
}

}  // namespace
}  // namespace claviger::doors
