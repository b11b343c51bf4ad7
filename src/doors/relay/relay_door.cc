// SPDX-License-Identifier: Apache-2.0
#include "doors/relay/relay_door.h"

#include <utility>

#include "gateway/answers.h"
#include "gateway/pipeline.h"
#include "gateway/record.h"
#include "gateway/relay.h"

namespace claviger::doors {
namespace {

telemetry::Counter answers_of(unsigned status) noexcept {
  using telemetry::Counter;
  if (status < 300) return Counter::kAnswers2xx;
  if (status < 400) return Counter::kAnswers3xx;
  return status < 500 ? Counter::kAnswers4xx : Counter::kAnswers5xx;
}

}  // namespace

gateway::Call RelayDoor::begin(http::ServerConnection& caller) noexcept {
  gateway::Call call;
  call.address = caller.peer().address;
  call.address_text = caller.peer_text();
  call.request_id = worker_.request_ids.next();
  call.wall = worker_.loop.wall_now();
  call.began = worker_.loop.now();
  return call;
}

net::Task<void> RelayDoor::handle(http::ServerConnection& caller) {
  const gateway::WorldUse world(worker_.pools);
  gateway::Call call = begin(caller);
  call.head = &caller.head();
  call.world = &world->world();
  worker_.metrics.add(telemetry::Gauge::kRequestsActive, 1);
  Result<void> outcome = gateway::run_pipeline(call, worker_);
  if (outcome.has_value()) outcome = co_await gateway::relay(worker_, caller, call, *world);
  if (outcome.has_value()) {
    call.outcome = "ok";
    worker_.metrics.add(answers_of(call.status));
  } else {
    co_await gateway::answer_with_problem(worker_, caller, call, outcome.error());
  }
  worker_.metrics.add(telemetry::Gauge::kRequestsActive, -1);
  gateway::record_call(worker_, call);
}

net::Task<void> RelayDoor::refuse(http::ServerConnection& caller, Error error) {
  gateway::Call call = begin(caller);
  if (error.code() == Code::kTooLarge)
    call.head = &caller.head();  // it was read; its body is what is refused
  co_await gateway::answer_with_problem(worker_, caller, call, error);
  gateway::record_call(worker_, call);
}

}  // namespace claviger::doors
