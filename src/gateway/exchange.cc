// SPDX-License-Identifier: Apache-2.0
#include "gateway/exchange.h"

#include <utility>

namespace claviger::gateway {

net::Task<Result<void>> Exchange::run() {
  upstream_.begin();
  caller_.stream().watch_hangup(this);
  interruption_.waits_in(this);
  auto outcome = co_await send_head();
  if (outcome.has_value()) {
    if (!request_sent_) upload_.start(call_.body ? upload_copy() : upload());
    outcome = co_await download();
    co_await end_upload();
  }
  interruption_.waits_in(nullptr);
  caller_.stream().watch_hangup(nullptr);
  call_.bytes_in = caller_.body_bytes();
  reusable_ = upstream_.finish(request_sent_ && outcome.has_value());
  // Where the caller broke off or sent nonsense, the upstream's complaint about it is not the cause.
  if (!outcome.has_value() && upload_error_) co_return *std::move(upload_error_);
  co_return outcome;
}

void Exchange::on_hangup() noexcept {
  caller_gone_ = true;
  upstream_.stream().cancel();
}

// Whoever is woken first may run the whole call to its end, and take this object and both streams along; their sources stay
// to the end of the loop's turn.
void Exchange::interrupt(Interrupted why) noexcept {
  net::Source& upstream = upstream_.stream().source();
  net::Source& caller = caller_.stream().source();
  const bool saw_nothing = !caller_.answer_began() && !interim_in_line_;
  if (why == Interrupted::kOutOfTime && saw_nothing) return upstream.cancel();  // the caller gets an answer
  caller_.abort();
  upstream.cancel();
  caller.cancel();
}

}  // namespace claviger::gateway
