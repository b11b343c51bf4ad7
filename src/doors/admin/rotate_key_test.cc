// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "doors/testing/admin_stand.h"

namespace claviger::doors {
namespace {

class RotateKeyTest : public ::testing::Test, public testing::AdminStand {};

TEST_F(RotateKeyTest, SaysWhichKeySignedAndWhichOneDoesNowAndWhoAskedForIt) {
  const auto answer = call("POST", "/api/v1/audit/key/rotate");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body,
            "{\"from\":\"claviger/test+0000fake+AAAA\",\"to\":\"claviger/"
            "test+0001fake+BBBB\",\"finished\":true}\n");
  ASSERT_EQ(registry().rotated_by.size(), 1U);
  EXPECT_EQ(registry().rotated_by[0].principal, "alice");
  EXPECT_EQ(registry().rotated_by[0].address, "192.0.2.7");
  registry().rotation.is_finished = false;
  EXPECT_EQ(call("POST", "/api/v1/audit/key/rotate").status, 202U);
}

TEST_F(RotateKeyTest, IsForAdministratorsAlone) {
  const std::string head = " /api/v1/audit/key/rotate HTTP/1.1\r\nContent-Length: 0\r\nX-API-Key: ";
  EXPECT_EQ(send("POST" + head + "$READ\r\n").status, 403U);
  EXPECT_EQ(send("POST" + head + make_key("nora") + "\r\n").status, 403U);
  EXPECT_EQ(send("POST /api/v1/audit/key/rotate HTTP/1.1\r\nContent-Length: 0\r\n").status, 401U);
  EXPECT_EQ(send("GET" + head + "$KEY\r\n").status, 405U);
  EXPECT_EQ(call("POST", "/api/v1/audit/key/rotate?really=1").status, 400U);
  EXPECT_TRUE(registry().rotated_by.empty());
}

TEST_F(RotateKeyTest, PassesOnWhyItCannotBe) {
  registry().fail_next(
      Error(Code::kConflict, Blame::kCaller, "the audit log's key is being rotated already"));
  EXPECT_EQ(call("POST", "/api/v1/audit/key/rotate").status, 409U);
  registry().fail_next(
      Error(Code::kUnavailable, Blame::kOperator, "the audit log cannot be written at the moment"));
  EXPECT_EQ(call("POST", "/api/v1/audit/key/rotate").status, 503U);
}

}  // namespace
}  // namespace claviger::doors
