// SPDX-License-Identifier: Apache-2.0
#include "gateway/serve_call.h"

#include <optional>

#include "gateway/answers.h"
#include "gateway/certificate_check.h"
#include "gateway/lane_wait.h"
#include "gateway/lease_wait.h"
#include "gateway/pipeline.h"
#include "gateway/record.h"
#include "gateway/relay.h"
#include "gateway/token_wait.h"

namespace claviger::gateway {
namespace {

using telemetry::Counter;
using telemetry::Gauge;

Counter answers_of(unsigned status) noexcept {
  if (status < 300) return Counter::kAnswers2xx;
  if (status < 400) return Counter::kAnswers3xx;
  return status < 500 ? Counter::kAnswers4xx : Counter::kAnswers5xx;
}

// Of a door nothing is asked: what it stands for is known.
void look_at_caller(const Worker& worker, http::ServerConnection& caller, Call& call) noexcept {
  if (call.door == nullptr) look_at_certificate(call, caller, worker.settings.tls.get());
}

Call begin(Worker& worker, http::ServerConnection& caller, const DoorCaller* door) noexcept {
  Call call;
  call.door = door;
  call.address = caller.peer().address;
  call.address_text = caller.peer_text();
  look_at_caller(worker, caller, call);
  call.request_id = worker.request_ids.next();
  call.wall = worker.loop.wall_now();
  call.began = worker.loop.now();
  return call;
}

// A call waits before it is sent, if at all: all of its time so far was that.
void note_wait(const Worker& worker, Call& call) noexcept {
  call.waited = std::chrono::duration_cast<std::chrono::microseconds>(worker.loop.now() - call.began);
}

// After a wait, in which everything may have changed.
void look_again(const Worker& worker, http::ServerConnection& caller, Call& call) noexcept {
  call.wall = worker.loop.wall_now();
  look_at_caller(worker, caller, call);
}

// Of who has to show a certificate, or has shown one that is good no more: only another handshake helps. Of a resumed session
// the latter may be for want of an intermediate CA's certificate, which a full one brings again.
bool needs_handshake(const Call& call) noexcept {
  if (call.certificate != nullptr) return call.certificate->expires <= call.wall;
  return call.needs_certificate || call.lost_certificate;
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
  call.certificate_name = {};
  call.principal = nullptr;
  call.upstream = nullptr;
  call.grant = nullptr;
  call.credential = nullptr;
  call.decision = Decision::kRefused;
  call.forward.reset();
  call.needs_lease = false;
  call.token = nullptr;
  call.needs_token = false;
}

// For the record: what came of it before it was sent. It is part of its trace even where its fields were not looked through.
void note_refusal(Call& call, Decision decision, std::string_view rule) noexcept {
  call.decision = decision;
  if (call.rule.empty()) call.rule = rule;
  if (call.head != nullptr && call.trace.state == TraceContext::State::kUnread)
    call.trace = find_trace(call.head->fields);
}

bool is_overloaded(const Worker& worker) noexcept {
  return worker.shared.overloaded != nullptr && worker.shared.overloaded->load(std::memory_order_relaxed);
}

// Before anything is decided, or written for good: what a call costs is what is short. Its connection goes with it, so that
// memory and descriptors come back.
net::Task<void> shed(Worker& worker, http::ServerConnection& caller, Call& call) {
  worker.metrics.add(Counter::kCallsShed);
  note_refusal(call, Decision::kShed, "overload");
  caller.close_after_answer();
  const Error error(Code::kUnavailable, Blame::kGateway,
                    "calls are shed while memory or file descriptors run short");
  co_await answer_with_problem(worker, caller, call, error);
  record_line(worker, call);
}

Error too_many_waits() {
  return Error(Code::kUnavailable, Blame::kGateway,
               "the grants of this principal, or the tokens of this upstream, change too fast to go by");
}
constexpr int kMostWaits = 4;  // a call is moved to another grant while it waits, and then to yet another

// For what it needs besides: it comes from the control thread.
net::Task<Result<void>> wait_for_need(Worker& worker, Call& call) {
  if (call.needs_lease) co_return co_await wait_for_lease(worker, call);
  co_return co_await wait_for_token(worker, call);
}

std::string_view rule_of_need(const Call& call) noexcept {
  if (call.needs_lease) return "quota";
  return call.needs_token ? "no_credential" : "";
}

}  // namespace

net::Task<void> serve_call(Worker& worker, http::ServerConnection& caller, const DoorCaller* door) {
  Call call = begin(worker, caller, door);
  call.head = &caller.head();
  const ActiveCount count(worker.metrics);
  if (is_overloaded(worker)) co_return co_await shed(worker, caller, call);
  if (!lane_has_room(worker)) {
    // Before anything is decided: what could not be recorded is not done.
    const auto room = co_await wait_for_lane(worker, caller);
    note_wait(worker, call);
    if (!room.has_value()) {
      note_refusal(call, Decision::kUnavailable, "audit_log");
      co_await answer_with_problem(worker, caller, call, room.error());
      record_line(worker, call);
      co_return;
    }
    look_again(worker, caller, call);
  }
  std::optional<WorldUse> world(std::in_place, worker.pools);
  call.world = &(*world)->world();
  Result<void> outcome = run_pipeline(call, worker);
  if (call.principal != nullptr) caller.vouch();
  if (needs_handshake(call)) caller.close_after_answer();
  for (int waits = 0; outcome.has_value() && (call.needs_lease || call.needs_token); ++waits) {
    outcome = waits < kMostWaits ? co_await wait_for_need(worker, call) : too_many_waits();
    note_wait(worker, call);
    if (!outcome.has_value()) break;
    // Decided anew, by the newest world: what was decided is as old as that wait was long.
    forget_decisions(call);
    world.emplace(worker.pools);
    call.world = &(*world)->world();
    look_again(worker, caller, call);
    outcome = run_pipeline(call, worker);
  }
  if (outcome.has_value()) outcome = co_await relay(worker, caller, call, **world);
  else note_refusal(call, decision_of(outcome.error().code()), rule_of_need(call));
  if (outcome.has_value()) {
    call.outcome = "ok";
    worker.metrics.add(answers_of(call.status));
  } else {
    co_await answer_with_problem(worker, caller, call, outcome.error());
  }
  record_call(worker, call);
}

net::Task<void> refuse_call(Worker& worker, http::ServerConnection& caller, Error error,
                            const DoorCaller* door) {
  Call call = begin(worker, caller, door);
  if (error.code() == Code::kTooLarge)
    call.head = &caller.head();  // it was read; its body is what is refused
  note_refusal(call, Decision::kRefused, call.head != nullptr ? "body" : "head");
  co_await answer_with_problem(worker, caller, call, error);
  record_call(worker, call);
}

}  // namespace claviger::gateway
