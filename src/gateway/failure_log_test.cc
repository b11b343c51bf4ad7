// SPDX-License-Identifier: Apache-2.0
#include "gateway/failure_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/testing/fake_clock.h"

namespace claviger::gateway {
namespace {

struct FailureLogTest : ::testing::Test {
  ~FailureLogTest() override {
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
  static std::array<int, 2> open_pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    return ends;
  }
  std::string written() {
    std::string text(1 << 16, '\0');
    (void)::write(pipe[1], "", 1);  // so that read() never waits
    text.resize(static_cast<std::size_t>(::read(pipe[0], text.data(), text.size())));
    return text;
  }
  static auto lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

  std::array<int, 2> pipe = open_pipe();
  base::testing::FakeClock clock;
  telemetry::Log log{telemetry::Level::kInfo, pipe[1], clock};
  FailureLog failures{log};
  Call call;
  Error refused{Code::kUpstreamFailed, Blame::kUpstream, "the reason"};
};

TEST_F(FailureLogTest, GivesOperatorsTheReasonAndTheRequestsId) {
  call.request_id.fill('7');
  failures.note(call, refused);
  const std::string text = written();
  EXPECT_NE(text.find("the reason"), std::string::npos) << text;
  EXPECT_NE(text.find(std::string(32, '7')), std::string::npos);
}

TEST_F(FailureLogTest, KeepsQuietAboutTheFaultsOfCallers) {
  failures.note(call, Error(Code::kBadRequest, Blame::kCaller, "their own"));
  EXPECT_EQ(lines(written()), 0);
}

TEST_F(FailureLogTest, WritesTenLinesASecondAndCountsTheRest) {
  call.began = clock.monotonic();
  for (int i = 0; i < 50; ++i) failures.note(call, refused);
  EXPECT_EQ(lines(written()), 10);
  call.began += std::chrono::seconds(1);
  failures.note(call, refused);
  EXPECT_NE(written().find("\"left_out\":40"), std::string::npos);
}

}  // namespace
}  // namespace claviger::gateway
