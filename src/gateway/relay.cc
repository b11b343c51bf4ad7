// SPDX-License-Identifier: Apache-2.0
#include "gateway/relay.h"

#include <utility>

#include "gateway/active_calls.h"
#include "gateway/exchange.h"

namespace claviger::gateway {
namespace {

// A pooled connection may have been closed by the upstream at the very moment it was used again. Then, and
// only then, a request is sent twice: when its method is safe (RFC 9110 section 9.2.1), nothing of
// an answer came, and no byte of a body was used up.
bool may_retry(const Exchange& exchange, const Call& call, bool reused) noexcept {
  return reused && !call.revoked && !exchange.caller_is_gone() && http::is_safe(call.head->method) &&
         exchange.can_be_repeated();
}

}  // namespace

net::Task<Result<void>> relay(Worker& worker, http::ServerConnection& caller, Call& call,
                              const AdoptedWorld& world) {
  UpstreamPool& pool = world.pool(call.upstream_index);
  ActiveCall active(worker.active_calls, call, caller);
  const auto connect_timeout = call.upstream->resource->timeouts.connect;
  for (bool fresh = false;; fresh = true) {
    auto lease = CLV_CO_TRY(co_await pool.acquire(fresh, connect_timeout, active.interruption()));
    call.reused = lease.reused;
    Exchange exchange(worker, caller, call, lease.connection->connection, active.interruption());
    auto outcome = co_await exchange.run();
    if (call.revoked) outcome = Error(Code::kCancelled, Blame::kOperator, "the call was revoked");
    const bool repeat = !outcome.has_value() && may_retry(exchange, call, lease.reused);
    if (exchange.is_reusable()) pool.give_back(std::move(lease.connection));
    else pool.discard(std::move(lease.connection));
    if (!repeat) {
      if (!outcome.has_value() && caller.answer_began()) caller.abort();
      co_return outcome;
    }
    worker.metrics.add(telemetry::Counter::kUpstreamRetried);
  }
}

}  // namespace claviger::gateway
