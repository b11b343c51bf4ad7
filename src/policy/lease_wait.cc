// SPDX-License-Identifier: Apache-2.0
#include "policy/lease_wait.h"

#include <coroutine>
#include <memory>
#include <optional>
#include <utility>

namespace claviger::policy {
namespace {

// What the answer, the deadline and the coroutine have in common. The control thread only passes the pointer on;
// all else happens in the worker's loop.
struct Wait {
  std::coroutine_handle<> handle;
  std::optional<Result<QuotaDecision>> answer;

  void finish(Result<QuotaDecision> with) {
    if (answer.has_value()) return;  // the other was faster
    answer.emplace(std::move(with));
    if (handle) std::exchange(handle, nullptr).resume();
  }
};

struct Awaiter {
  Wait& wait;
  bool await_ready() const noexcept { return wait.answer.has_value(); }
  void await_suspend(std::coroutine_handle<> handle) const noexcept { wait.handle = handle; }
  Result<QuotaDecision> await_resume() const { return *std::move(wait.answer); }
};

// A coroutine that is destroyed while it waits is not to be resumed.
struct Leave {
  Wait& wait;
  ~Leave() {
    wait.handle = nullptr;
    if (!wait.answer.has_value()) wait.answer.emplace(QuotaDecision{});
  }
};

}  // namespace

void LeaseCounter::ask(LeaseRequest request) const {
  control_.post([&desk = desk_, request = std::move(request)] { desk.ask(request, {}); });
}

net::Task<Result<QuotaDecision>> LeaseCounter::wait(net::Loop& mine, LeaseRequest request) const {
  const auto wait = std::make_shared<Wait>();
  const Leave leave{*wait};
  net::Timer patience(mine);
  patience.start(kPatience, [&wait = *wait] {
    wait.finish(
        Error(Code::kUnavailable, Blame::kOperator,
              "the store takes too long to save the counters of quotas; it may be on a slow or stuck disk"));
  });
  control_.post([&desk = desk_, &mine, wait, request = std::move(request)] {
    desk.ask(request, [&mine, wait](Result<QuotaDecision> answer) {
      mine.post([wait, answer = std::move(answer)] { wait->finish(answer); });
    });
  });
  co_return co_await Awaiter{*wait};
}

}  // namespace claviger::policy
