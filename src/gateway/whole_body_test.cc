// SPDX-License-Identifier: Apache-2.0
// Bodies that are held whole before anything is sent, for a credential that signs them.
#include "gateway/whole_body.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <memory>
#include <vector>

#include "base/json.h"
#include "gateway/testing/caller.h"
#include "gateway/testing/script.h"
#include "net/listener.h"

namespace claviger::gateway {
namespace {

using std::chrono::milliseconds;

struct WholeBodyTest : ::testing::Test {
  net::ListeningSocket socket = *net::listen_on(*net::parse_endpoint("127.0.0.1:0"), false);
  testing::Stand stand{socket.bound.port};
  testing::Script script;
  std::unique_ptr<net::Acceptor> acceptor = script.listen(stand.loop(), socket.fd);

  WholeBodyTest() {
    for (const char* name : {"CLAVIGER_TEST_SECRET_A", "CLAVIGER_TEST_SECRET_B"})
      ::setenv(name, "FAKEID:fake-secret-access-key", 1);
    policy::Resources resources = stand.resources();
    resources.upstreams[0].auth =
        *base::parse_json(R"({"kind":"aws_sigv4","region":"eu-central-1","service":"execute-api"})", "auth");
    stand.adopt(std::move(resources));
  }
  ~WholeBodyTest() override {
    acceptor.reset();
    stand.worker().pools.retire_all();
    for (int i = 0; i < 20; ++i) stand.loop().turn(milliseconds(1));
  }
  // As if others held so much.
  void hold(std::size_t size) { stand.worker().held_bodies += size; }
  void let_go(std::size_t size) { stand.worker().held_bodies -= size; }
  std::unique_ptr<testing::Caller> begin_post() {
    auto caller = std::make_unique<testing::Caller>(stand);
    caller->say("POST /api/v1/x HTTP/1.1\r\nHost: g\r\nX-API-Key: $KEY\r\nContent-Length: 10\r\n\r\nhello");
    for (int i = 0; i < 5; ++i) stand.loop().turn(milliseconds(0));
    return caller;
  }
};

TEST_F(WholeBodyTest, ACallerWhoseBodiesComeSlowlyDoesNotTakeTheLastOfTheRoom) {
  script.connections = {{{"helloworld", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}}};
  const std::size_t others = kMostHeldByWorker / 4 * 3;
  hold(others);
  std::vector<std::unique_ptr<testing::Caller>> callers;
  for (int i = 0; i < 7; ++i) callers.push_back(begin_post());
  for (const auto& caller : callers) EXPECT_EQ(caller->heard(), "");
  const auto eighth = begin_post();
  EXPECT_TRUE(eighth->hears("HTTP/1.1 503 ")) << eighth->heard();
  callers[0]->say("world");
  EXPECT_TRUE(callers[0]->hears("\r\n\r\nok")) << callers[0]->heard();
  callers.clear();
  let_go(others);
  EXPECT_EQ(stand.worker().held_bodies, 0U);
}

TEST_F(WholeBodyTest, WhereThereIsRoomItMayHaveAsManyAsItLikes) {
  std::vector<std::unique_ptr<testing::Caller>> callers;
  for (int i = 0; i < 12; ++i) callers.push_back(begin_post());
  for (const auto& caller : callers) EXPECT_EQ(caller->heard(), "");
}

}  // namespace
}  // namespace claviger::gateway
