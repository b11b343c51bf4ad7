// SPDX-License-Identifier: Apache-2.0
#include "gateway/lane_wait.h"

#include <chrono>
#include <coroutine>
#include <utility>

#include "gateway/record.h"

namespace claviger::gateway {
namespace {

// The lane tells nobody when it has room again: it is looked at. Deadlines come by the tick of the loop's wheel.
constexpr std::chrono::milliseconds kPoll{5};

// The next thing to happen on a caller's connection, the time to look again included.
class NextEvent final : public net::Waiter {
 public:
  explicit NextEvent(net::Source& source) noexcept : source_(source) {}
  ~NextEvent() {
    if (handle_) source_.forget(*this);
  }
  NextEvent(const NextEvent&) = delete;
  NextEvent& operator=(const NextEvent&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    handle_ = handle;
    source_.wait_as_reader(*this, net::Source::Direction::kRead);
  }
  void await_resume() const noexcept {}

 private:
  void on_wakeup(net::Wakeup) noexcept override { std::exchange(handle_, nullptr).resume(); }
  net::Source& source_;
  std::coroutine_handle<> handle_;
};

}  // namespace

net::Task<Result<void>> wait_for_lane(Worker& worker, http::ServerConnection& caller) {
  worker.metrics.add(telemetry::Counter::kAuditWaits);
  net::Source& source = caller.stream().source();
  const Monotonic until = worker.loop.now() + worker.shared.lane_timeout;
  while (!lane_has_room(worker)) {
    if (source.is_broken() || source.is_cancelled())
      co_return Error(Code::kCancelled, Blame::kGateway, "nobody waits for an answer any more");
    if (worker.loop.now() >= until || lane_is_failing(worker)) {
      worker.metrics.add(telemetry::Counter::kAuditRefused);
      co_return Error(Code::kUnavailable, Blame::kOperator,
                      "the audit log cannot take more events at the moment");
    }
    source.set_deadline(std::min(worker.loop.now() + kPoll, until));
    co_await NextEvent(source);
  }
  co_return ok();
}

net::Task<Result<void>> put_on_disk(Worker& worker, http::ServerConnection& caller, Call& call,
                                    Interruption& interruption) {
  record_start(worker, call);
  const Monotonic since = worker.loop.now();
  const auto on_disk = co_await DiskQueue::Wait(*worker.disk_queue, caller.stream().source(), interruption);
  const auto waited = worker.loop.now() - since;
  call.waited += std::chrono::duration_cast<std::chrono::microseconds>(waited);
  worker.metrics.add_disk_wait(waited);
  if (!on_disk.has_value() && on_disk.error().code() == Code::kUnavailable) {
    call.decision = Decision::kUnavailable;
    call.rule = "audit_log";
    worker.metrics.add(telemetry::Counter::kAuditRefused);
  }
  co_return on_disk;
}

}  // namespace claviger::gateway
