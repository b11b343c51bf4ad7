// SPDX-License-Identifier: Apache-2.0
#include "gateway/relay.h"

#include <utility>

#include "gateway/active_calls.h"
#include "gateway/exchange.h"
#include "gateway/lane_wait.h"
#include "gateway/token_wait.h"
#include "gateway/whole_body.h"

namespace claviger::gateway {
namespace {

// A request is sent again, on another connection or to another address, if nothing of it left this machine; or if its method
// is safe (RFC 9110 section 9.2.1), nothing of an answer came, and no byte of a body was used up; that, once: it may
// be the request that makes upstreams hang up. Not after a time-out: the upstream had the time that it was given, and the
// caller has waited for it.
bool may_repeat(const Exchange& exchange, const Call& call, const Attempts& attempts,
                const Error& error) noexcept {
  if (call.revoked || exchange.caller_is_gone() || error.code() != Code::kUpstreamFailed) return false;
  if (exchange.nothing_was_sent()) return true;
  return !attempts.sent && http::is_safe(call.head->method) && exchange.can_be_repeated();
}

UpstreamCount failure_of(const Exchange& exchange, const Error& error) noexcept {
  if (error.code() == Code::kUpstreamTimeout) return UpstreamCount::kFailedTimeout;
  return exchange.answer_began() ? UpstreamCount::kFailedProtocol : UpstreamCount::kFailedClosed;
}

// Leaves out of the next attempt what failed in this one: the connections that waited in the pool, or the endpoint.
void learn(Attempts& attempts, const UpstreamPool::Lease& lease, const Exchange& exchange) noexcept {
  if (lease.is_reused() && !exchange.answer_began()) {
    attempts.fresh = true;
    attempts.stale.set(lease.endpoint());
  } else {
    attempts.tried.set(lease.endpoint());
  }
  if (!exchange.nothing_was_sent()) attempts.sent = true;
}

// So that one caller with slow calls does not keep all others from an upstream. Costs nothing until its connections are scarce.
Result<void> check_share(Worker& worker, const UpstreamPool& pool, Call& call) noexcept {
  if (!pool.is_scarce()) return ok();
  const std::size_t share = pool.share();
  if (worker.active_calls.count(call.principal->name, call.upstream->pool_key, share) < share) return ok();
  call.has_its_share = true;
  call.decision = Decision::kLimited;
  call.rule = "upstream_share";
  worker.metrics.add(telemetry::Counter::kLimitUpstreamConnectionsPerPrincipal);
  return Error(Code::kLimited, Blame::kCaller,
               "this caller has its share of the upstream's connections in use; try again when one of its "
               "calls is over");
}

// What a call comes to. One that was ended from outside did not fail by itself; an answer that has begun is broken off.
Result<void> end(Result<void> outcome, Worker& worker, http::ServerConnection& caller, const Call& call,
                 ActiveCall& active) {
  if (call.revoked) {
    outcome = Error(Code::kCancelled, Blame::kOperator, "the call was revoked");
  } else if (!outcome.has_value() && active.has_run_out()) {
    worker.metrics.add(telemetry::Counter::kCallsOutOfTime);
    outcome =
        Error(Code::kUpstreamTimeout, Blame::kUpstream, "the call took longer than timeouts.total allows");
  } else if (!outcome.has_value() && active.interruption().has_come()) {
    outcome = Error(Code::kCancelled, Blame::kGateway, "the gateway stops");
  }
  if (!outcome.has_value() && caller.answer_began()) caller.abort();
  return outcome;
}

}  // namespace

net::Task<Result<void>> relay(Worker& worker, http::ServerConnection& caller, Call& call,
                              const AdoptedWorld& world) {
  UpstreamPool& pool = world.pool(call.upstream_index, *call.credential);
  const policy::UpstreamTimeouts& timeouts = call.upstream->resource->timeouts;
  CLV_CO_TRY_VOID(check_share(worker, pool, call));
  ActiveCall active(worker.active_calls, call, caller);
  active.end_at(worker.loop, call.began + timeouts.total);
  BodyCopy copy(worker.buffers, worker.held_bodies);
  if (call.credential->credential->body_need(*call.head) == credentials::BodyNeed::kDigest) {
    auto taken = co_await take_whole_body(worker, caller, call, copy, active.interruption());
    if (!taken.has_value()) co_return end(std::move(taken), worker, caller, call, active);
    call.body = {.size = copy.size(), .digest = copy.digest()};
  }
  // Before a connection is asked for: nobody else's are kept from him while the disk works.
  if (worker.disk_queue != nullptr) {
    auto on_disk = co_await put_on_disk(worker, caller, call, active.interruption());
    if (!on_disk.has_value()) co_return end(std::move(on_disk), worker, caller, call, active);
  }
  pool.stats().add(UpstreamCount::kCalls);
  Attempts attempts;
  HeldBody held(worker.buffers);
  // Its upstream may not know the session any more.
  if (call.token && !call.body && call.head->content_length <= kMostRepeated) copy.begin(kMostRepeated);
  for (;;) {
    if (copy.is_whole() && !call.body) call.body = {.size = copy.size()};
    const Monotonic asked = worker.loop.now();
    auto lease = co_await pool.acquire(attempts, {timeouts.connect, timeouts.tls}, active.interruption());
    call.connect += std::chrono::duration_cast<std::chrono::microseconds>(worker.loop.now() - asked);
    call.retries = attempts.retries;
    if (!lease.has_value()) co_return end(std::move(lease).error(), worker, caller, call, active);
    call.reused = lease->is_reused();
    // What it was given may have run out, or been replaced, while it waited for that.
    if (auto taken = take_token(worker, call); !taken.has_value())
      co_return end(std::move(taken), worker, caller, call, active);
    Exchange exchange(worker, caller, call, *lease, held, copy, active.interruption());
    auto outcome = co_await exchange.run();
    bool again = false;
    if (!outcome.has_value() && !active.interruption().has_come()) {
      const Error& error = outcome.error();
      if (error.blame() == Blame::kUpstream && !exchange.caller_is_gone())
        lease->failed(failure_of(exchange, error));
      again = may_repeat(exchange, call, attempts, error);
      if (again) learn(attempts, *lease, exchange);
    }
    if (exchange.is_reusable()) lease->give_back();
    if (outcome.has_value() && exchange.has_another_token()) {
      call.has_another_token = true;
      const unsigned retries = attempts.retries;
      attempts = {};  // no endpoint has failed it
      attempts.retries = retries;
      pool.count_retry(attempts);
      continue;
    }
    if (!again || !pool.has_another(attempts))
      co_return end(std::move(outcome), worker, caller, call, active);
    pool.count_retry(attempts);
  }
}

}  // namespace claviger::gateway
