// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/file.h"
#include "net/testing/loop_fixture.h"

namespace claviger::net {
namespace {

// Begins to connect, without waiting for what comes of it.
base::Descriptor begin_to_connect(const Endpoint& to) {
  base::Descriptor made(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const SocketAddress address = to_socket_address(to);
  const int outcome = ::connect(made.number(), address.get(), address.size);
  EXPECT_TRUE(outcome == 0 || errno == EINPROGRESS);
  return made;
}

bool is_connected(const base::Descriptor& connection) {
  pollfd poller{connection.number(), POLLOUT, 0};
  return ::poll(&poller, 1, 0) == 1 && (poller.revents & (POLLERR | POLLHUP)) == 0;
}

class Listener : public ::testing::Test, public testing::LoopFixture {
 protected:
  void SetUp() override {
    const ListeningSocket socket = *listen_on(*parse_endpoint("127.0.0.1:0"), true);
    bound_ = socket.bound;
    acceptor_ =
        *Acceptor::create(loop(), socket.fd, [this](int fd, const Endpoint&) { accepted_.emplace_back(fd); });
  }

  Endpoint bound_;
  std::vector<base::Descriptor> accepted_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(Listener, AcceptsWhoConnects) {
  const auto caller = begin_to_connect(bound_);
  EXPECT_TRUE(run_until([&] { return accepted_.size() == 1; }));
}

TEST_F(Listener, FinishesWithThoseWhoWaitToBeAcceptedAndNobodyElse) {
  std::vector<base::Descriptor> waiting;
  for (int i = 0; i < 200; ++i) waiting.push_back(begin_to_connect(bound_));
  for (const auto& each : waiting) ASSERT_TRUE(is_connected(each));
  ASSERT_TRUE(accepted_.empty());
  bool closed = false;

  acceptor_->finish([&] { closed = true; });
  const auto late = begin_to_connect(bound_);

  EXPECT_TRUE(run_until([&] { return closed; }));
  EXPECT_EQ(accepted_.size(), waiting.size());
  for (const auto& each : waiting) EXPECT_TRUE(is_connected(each));
  EXPECT_FALSE(is_connected(late));
}

TEST_F(Listener, RefusesAtOnceWhenItHasFinished) {
  bool closed = false;
  acceptor_->finish([&] { closed = true; });
  ASSERT_TRUE(run_until([&] { return closed; }));

  const auto late = begin_to_connect(bound_);

  pollfd poller{late.number(), POLLOUT, 0};
  ASSERT_EQ(::poll(&poller, 1, 1000), 1);
  EXPECT_NE(poller.revents & POLLERR, 0);
}

TEST_F(Listener, MayGoWhileItFinishes) {
  bool closed = false;
  acceptor_->finish([&] { closed = true; });
  acceptor_.reset();
  EXPECT_FALSE(run_until([&] { return closed; }, std::chrono::milliseconds(200)));
}

}  // namespace
}  // namespace claviger::net
