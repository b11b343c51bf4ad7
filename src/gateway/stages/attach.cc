// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>

#include "gateway/stages/stages.h"
#include "gateway/token_wait.h"

namespace claviger::gateway::stages {
namespace {

// What a round through a pool has found besides one that is free for anybody.
struct Found {
  const ReadyCredential* doubted =
      nullptr;  // by this principal alone: good enough where there is nothing better
  std::uint32_t period = 0;
  const ReadyCredential* unfetched = nullptr;  // its token can be fetched now
  const NoToken* no_token = nullptr;  // why one that comes soonest cannot
  Monotonic again = Monotonic::max();
};

// Whether it has the token that it needs, if any.
bool is_ready(const ReadyCredential& each, Worker& worker, Monotonic now, Found& found) noexcept {
  if (!each.tokens) return true;
  const TokenCell::View& view = each.tokens->look(worker.number);
  if (view.good(now) != nullptr) return true;
  if (!view.is_refused(now)) {
    if (found.unfetched == nullptr) found.unfetched = &each;
  } else if (found.no_token == nullptr || view.refusal->until < found.no_token->until) {
    found.no_token = &*view.refusal;
    found.again = std::min(found.again, view.refusal->until);
  }
  return false;
}

// In turn. Null: none is free, and none is to be tried.
const ReadyCredential* choose(Call& call, Worker& worker, Found& found) noexcept {
  const auto& pool = call.upstream->credentials;
  const Monotonic now = worker.loop.now();
  std::size_t at = worker.turn++ % pool.size();
  for (std::size_t i = 0; i < pool.size(); ++i, at = at + 1 == pool.size() ? 0 : at + 1) {
    const ReadyCredential& each = pool[at];
    if (!is_ready(each, worker, now, found)) continue;
    const Admittance admittance = each.life->admit(call.principal->name, now, call.credential_period);
    switch (admittance.kind) {
      case Admittance::Kind::kFree:
      case Admittance::Kind::kTrial:
        return &each;
      case Admittance::Kind::kDoubted:
        if (found.doubted == nullptr) {
          found.doubted = &each;
          found.period = call.credential_period;
        }
        break;
      case Admittance::Kind::kOut:
        found.again = std::min(found.again, admittance.again);
    }
  }
  return nullptr;
}

std::uint32_t seconds_until(Monotonic time, Monotonic now) noexcept {
  if (time == Monotonic::max()) return 0;
  const auto left = std::chrono::ceil<std::chrono::seconds>(time - now).count();
  return static_cast<std::uint32_t>(std::max<std::int64_t>(left, 1));
}

}  // namespace

// Several are one pool, used in turn.
Result<void> attach(Call& call, Worker& worker) noexcept {
  if (call.upstream->credentials.empty())
    return refused_by("no_credential", call,
                      Error(Code::kNoCredential, Blame::kOperator, "this upstream has no usable credential"));
  Found found;
  call.credential = choose(call, worker, found);
  if (call.credential == nullptr && found.doubted != nullptr) {
    call.credential = found.doubted;
    call.credential_period = found.period;
  }
  if (found.unfetched != nullptr) {
    call.needs_token = call.credential == nullptr;
    if (call.needs_token) {
      call.credential = found.unfetched;
      return ok();
    }
    // Its turn comes, too.
    if (found.unfetched->tokens->ask_once()) worker.shared.tokens->ask(found.unfetched->tokens);
  }
  if (call.credential == nullptr) {
    call.retry_after = seconds_until(found.again, worker.loop.now());
    if (found.no_token != nullptr) return refused_by("no_credential", call, found.no_token->why);
    return refused_by("no_credential", call,
                      Error(Code::kNoCredential, Blame::kUpstream,
                            "the upstream does not take its credentials at the moment"));
  }
  if (call.credential->tokens) {
    CLV_TRY_VOID(take_token(worker, call));
    call.credential->tokens->use();
  }
  call.credential->life->used(call.wall);
  call.decision = Decision::kAllowed;
  return ok();
}

}  // namespace claviger::gateway::stages
