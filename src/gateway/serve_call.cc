// SPDX-License-Identifier: Apache-2.0
#include "gateway/serve_call.h"

#include <optional>

#include "gateway/answers.h"
#include "gateway/lane_wait.h"
#include "gateway/lease_wait.h"
#include "gateway/pipeline.h"
#include "gateway/record.h"
#include "gateway/relay.h"

namespace claviger::gateway {
namespace {

using telemetry::Counter;
using telemetry::Gauge;

Counter answers_of(unsigned status) noexcept {
  if (status < 300) return Counter::kAnswers2xx;
  if (status < 400) return Counter::kAnswers3xx;
  return status < 500 ? Counter::kAnswers4xx : Counter::kAnswers5xx;
}

Call begin(Worker& worker, http::ServerConnection& caller) noexcept {
  Call call;
  call.address = caller.peer().address;
  call.address_text = caller.peer_text();
  call.request_id = worker.request_ids.next();
  call.wall = worker.loop.wall_now();
  call.began = worker.loop.now();
  return call;
}

// Counts a request as active for as long as it lives.
class ActiveCount {
 public:
  explicit ActiveCount(telemetry::WorkerMetrics& metrics) noexcept : metrics_(metrics) {
    metrics_.add(Gauge::kRequestsActive, 1);
  }
  ~ActiveCount() { metrics_.add(Gauge::kRequestsActive, -1); }
  ActiveCount(const ActiveCount&) = delete;
  ActiveCount& operator=(const ActiveCount&) = delete;

 private:
  telemetry::WorkerMetrics& metrics_;
};

// Takes back what was decided by a world that is let go of. What was counted stays counted.
void forget_decisions(Call& call) noexcept {
  call.key = nullptr;
  call.principal = nullptr;
  call.upstream = nullptr;
  call.grant = nullptr;
  call.credential = nullptr;
  call.forward.reset();
  call.needs_lease = false;
}

Error too_many_leases() {
  return Error(Code::kUnavailable, Blame::kGateway,
               "the grants of this principal change too fast to be counted by");
}
constexpr int kMostLeases = 3;  // a call is moved to another grant while it waits, and then to yet another

}  // namespace

net::Task<void> serve_call(Worker& worker, http::ServerConnection& caller) {
  Call call = begin(worker, caller);
  call.head = &caller.head();
  const ActiveCount count(worker.metrics);
  if (!lane_has_room(worker)) {
    // Before anything is decided: what could not be recorded is not done.
    const auto room = co_await wait_for_lane(worker, caller);
    if (!room.has_value()) {
      co_await answer_with_problem(worker, caller, call, room.error());
      record_line(worker, call);
      co_return;
    }
    call.wall = worker.loop.wall_now();
  }
  std::optional<WorldUse> world(std::in_place, worker.pools);
  call.world = &(*world)->world();
  Result<void> outcome = run_pipeline(call, worker);
  for (int leases = 0; outcome.has_value() && call.needs_lease; ++leases) {
    outcome = leases < kMostLeases ? co_await wait_for_lease(worker, call) : too_many_leases();
    if (!outcome.has_value()) break;
    // Decided anew, by the newest world: what was decided is as old as that wait was long.
    forget_decisions(call);
    world.emplace(worker.pools);
    call.world = &(*world)->world();
    call.wall = worker.loop.wall_now();
    outcome = run_pipeline(call, worker);
  }
  if (outcome.has_value()) outcome = co_await relay(worker, caller, call, **world);
  if (outcome.has_value()) {
    call.outcome = "ok";
    worker.metrics.add(answers_of(call.status));
  } else {
    co_await answer_with_problem(worker, caller, call, outcome.error());
  }
  record_call(worker, call);
}

net::Task<void> refuse_call(Worker& worker, http::ServerConnection& caller, Error error) {
  Call call = begin(worker, caller);
  if (error.code() == Code::kTooLarge)
    call.head = &caller.head();  // it was read; its body is what is refused
  co_await answer_with_problem(worker, caller, call, error);
  if (lane_has_room(worker)) {
    record_call(worker, call);
  } else {
    // Nothing was done for it, so nothing waits for its event.
    worker.metrics.add(Counter::kAuditRefusalsUnrecorded);
    record_line(worker, call);
  }
}

}  // namespace claviger::gateway
