// SPDX-License-Identifier: Apache-2.0
#include "policy/lease_wait.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "base/testing/fake_clock.h"
#include "net/background.h"
#include "net/testing/loop_fixture.h"

namespace claviger::policy {
namespace {

using Kind = QuotaDecision::Kind;
using std::chrono::hours;

constexpr WallTime kNoon{std::chrono::sys_days(std::chrono::year(2026) / 6 / 1) + hours(12)};

LeaseRequest request(const Quota& quota) { return {"grant", "principal", 1, quota, kNoon}; }

// What a worker does for one call.
net::Task<Kind> call(net::Loop& mine, const LeaseCounter& counter, QuotaCells& cells, Quota quota) {
  QuotaDecision decision = cells.take(1, quota, kNoon);
  if (decision.ask_now) counter.ask(request(quota));
  if (decision.kind == Kind::kNeedsLease) decision = *co_await counter.wait(mine, request(quota));
  co_return decision.kind;
}

struct LeaseWaitTest : ::testing::Test, net::testing::LoopFixture {
  QuotaCells cells{8};
  std::function<void(Result<void>)> finish_save;
  LeaseDesk desk{cells, {[this](auto, auto done) { finish_save = std::move(done); }, [](auto) {}}};
  LeaseCounter counter{loop(), desk};
  Quota quota{100, hours(24)};

  net::Task<void> wait(std::optional<Result<QuotaDecision>>& answer) {
    answer.emplace(co_await counter.wait(loop(), request(quota)));
  }
};

TEST_F(LeaseWaitTest, ACallWaitsForTheSaveAndIsThenMade) {
  std::optional<Result<QuotaDecision>> answer;
  net::spawn(wait(answer));
  ASSERT_TRUE(run_until([&] { return finish_save != nullptr; }));
  EXPECT_FALSE(answer.has_value());
  finish_save(ok());
  ASSERT_TRUE(run_until([&] { return answer.has_value(); }));
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->kind, Kind::kTaken);
  EXPECT_EQ((*answer)->remaining, 99U);
  EXPECT_EQ(cells.take(1, quota, kNoon).kind, Kind::kTaken);
}

TEST_F(LeaseWaitTest, TheReasonOfAFailureReachesTheCall) {
  std::optional<Result<QuotaDecision>> answer;
  net::spawn(wait(answer));
  ASSERT_TRUE(run_until([&] { return finish_save != nullptr; }));
  finish_save(Error(Code::kUnavailable, Blame::kOperator, "no space left"));
  ASSERT_TRUE(run_until([&] { return answer.has_value(); }));
  EXPECT_EQ(answer->error().code(), Code::kUnavailable);
  EXPECT_NE(answer->error().what().find("no space left"), std::string_view::npos);
}

TEST_F(LeaseWaitTest, ATaskThatIsDestroyedWhileItWaitsIsNotResumed) {
  net::Task<Result<QuotaDecision>> waiting = counter.wait(loop(), request(quota));
  waiting.handle().resume();
  ASSERT_TRUE(run_until([&] { return finish_save != nullptr; }));
  waiting = {};
  finish_save(ok());
  loop().turn(std::chrono::milliseconds(0));
  loop().turn(std::chrono::milliseconds(0));
}

TEST(LeaseWaitPatience, AStoreThatIsStuckIsNotWaitedForForever) {
  base::testing::FakeClock clock;
  const auto loop = *net::Loop::create(clock);
  QuotaCells cells(8);
  std::function<void(Result<void>)> finish_save;
  LeaseDesk desk(cells, {[&](auto, auto done) { finish_save = std::move(done); }, [](auto) {}});
  const LeaseCounter counter(*loop, desk);
  std::optional<Result<QuotaDecision>> answer;
  struct Caller {
    static net::Task<void> run(net::Loop& loop, const LeaseCounter& counter,
                               std::optional<Result<QuotaDecision>>& answer) {
      answer.emplace(co_await counter.wait(loop, request({100, hours(24)})));
    }
  };
  net::spawn(Caller::run(*loop, counter, answer));
  loop->turn(std::chrono::milliseconds(0));
  clock.advance(LeaseCounter::kPatience - std::chrono::seconds(1));
  loop->turn(std::chrono::milliseconds(0));
  EXPECT_FALSE(answer.has_value());
  clock.advance(std::chrono::seconds(2));
  for (int i = 0; i < 3; ++i) loop->turn(std::chrono::milliseconds(0));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error().code(), Code::kUnavailable);
  finish_save(ok());  // too late for that one, in time for the next
  loop->turn(std::chrono::milliseconds(0));
  EXPECT_EQ(cells.take(1, {100, hours(24)}, kNoon).kind, Kind::kTaken);
}

// Three workers, a control thread and a store's thread, as in the gateway.
TEST(LeaseWaitThreads, WorkersTogetherMakeExactlyAsManyCallsAsTheQuotaHas) {
  static constexpr Quota kQuota{5000, hours(24)};
  static constexpr std::size_t kWorkers = 3, kCallers = 8, kCalls = 400;
  const SystemClock clock;
  QuotaCells cells(8);
  const auto control = *net::Loop::create(clock);
  std::optional<net::BackgroundThread> store(std::in_place, *control, "clv-store");
  LeaseDesk desk(cells,
                 {[&](auto, auto done) { store->push([&, done] { control->post([done] { done(ok()); }); }); },
                  [](auto) {}});
  const LeaseCounter counter(*control, desk);
  std::atomic<std::size_t> taken{0}, refused{0};
  std::vector<std::unique_ptr<net::Loop>> loops;
  std::vector<std::thread> threads;
  threads.emplace_back([&] { control->run(); });
  struct Caller {
    static net::Task<void> run(net::Loop& mine, const LeaseCounter& counter, QuotaCells& cells,
                               std::atomic<std::size_t>& taken, std::atomic<std::size_t>& refused,
                               std::atomic<std::size_t>& ended) {
      for (std::size_t i = 0; i < kCalls; ++i) {
        const Kind kind = co_await call(mine, counter, cells, kQuota);
        if (kind == Kind::kTaken) ++taken;
        if (kind == Kind::kExhausted) ++refused;
        if (i % 16 == 0) co_await mine.yield();
      }
      if (++ended % kCallers == 0) mine.stop();
    }
  };
  // Each worker stops when its own callers are done.
  std::vector<std::unique_ptr<std::atomic<std::size_t>>> ends;
  for (std::size_t worker = 0; worker < kWorkers; ++worker) {
    loops.push_back(*net::Loop::create(clock));
    ends.push_back(std::make_unique<std::atomic<std::size_t>>(0));
    threads.emplace_back([&, mine = loops.back().get(), ended_here = ends.back().get()] {
      mine->post([&, mine, ended_here] {
        for (std::size_t i = 0; i < kCallers; ++i)
          net::spawn(Caller::run(*mine, counter, cells, taken, refused, *ended_here));
      });
      mine->run();
    });
  }
  for (std::size_t i = 1; i < threads.size(); ++i) threads[i].join();
  control->stop();
  threads[0].join();
  store.reset();
  EXPECT_EQ(taken, kQuota.calls);
  EXPECT_EQ(taken + refused, kWorkers * kCallers * kCalls);
  EXPECT_LT(desk.saves(), 400U);
}

}  // namespace
}  // namespace claviger::policy
