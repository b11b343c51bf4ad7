// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/result.h"
#include "net/loop.h"
#include "net/task.h"

namespace claviger::net {
namespace detail {

// What the answer, the deadline and the coroutine have in common. The other thread only passes the pointer on; all else
// happens in the loop of who waits.
template <typename T>
struct AnswerWait {
  std::coroutine_handle<> handle;
  std::optional<Result<T>> answer;

  void finish(Result<T> with) {
    if (answer.has_value()) return;  // the other was faster
    answer.emplace(std::move(with));
    if (handle) std::exchange(handle, nullptr).resume();
  }
  bool await_ready() const noexcept { return answer.has_value(); }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { handle = waiting; }
  Result<T> await_resume() { return *std::move(answer); }
};

// A coroutine that is destroyed while it waits is not to be resumed.
template <typename T>
struct LeavesWait {
  AnswerWait<T>& wait;
  ~LeavesWait() {
    wait.handle = nullptr;
    if (!wait.answer.has_value())
      wait.answer.emplace(Error(Code::kCancelled, Blame::kGateway, "nobody waits any more"));
  }
};

}  // namespace detail

template <typename T>
using Answer = std::function<void(Result<T>)>;

// Has `ask` called on the loop of another thread, and waits for what it answers, there, once, now or later. Resumes on `mine`, which
// outlives the answer; with `late` after `patience`, and what is answered then is dropped.
template <typename T>
Task<Result<T>> wait_for_answer(Loop& mine, Loop& other, std::chrono::milliseconds patience, Error late,
                                std::function<void(Answer<T>)> ask) {
  const auto wait = std::make_shared<detail::AnswerWait<T>>();
  const detail::LeavesWait<T> leave{*wait};
  Timer deadline(mine);
  deadline.start(patience, [&wait = *wait, &late] { wait.finish(late); });
  other.post([&mine, wait, ask = std::move(ask)] {
    ask([&mine, wait](Result<T> answer) {
      mine.post([wait, answer = std::move(answer)] { wait->finish(answer); });
    });
  });
  co_return co_await *wait;
}

}  // namespace claviger::net
