// SPDX-License-Identifier: Apache-2.0
#include "gateway/token_wait.h"

#include <algorithm>
#include <utility>

#include "gateway/token_desk.h"
#include "gateway/worker.h"
#include "net/answer_wait.h"

namespace claviger::gateway {
namespace {

std::uint32_t seconds_until(Monotonic time, Monotonic now) noexcept {
  constexpr std::int64_t kMost = 3600;
  if (time - now > std::chrono::seconds(kMost)) return kMost;
  const auto left = std::chrono::ceil<std::chrono::seconds>(time - now).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 1, kMost));
}

}  // namespace

net::Task<Result<void>> TokenLine::wait_for(net::Loop& mine, std::shared_ptr<TokenCell> cell, Ask ask) const {
  return net::wait_for_answer<void>(
      mine, control_, kPatience,
      Error(Code::kUpstreamFailed, Blame::kUpstream,
            "the upstream's credential needs a token, and its token endpoint takes too long"),
      [&desk = desk_, cell = std::move(cell), ask = std::move(ask)](Done done) {
        ask(desk, *cell, std::move(done));
      });
}

void TokenLine::ask(std::shared_ptr<TokenCell> cell) const {
  control_.post([&desk = desk_, cell = std::move(cell)] { desk.ask(*cell, {}); });
}

net::Task<Result<void>> TokenLine::wait(net::Loop& mine, std::shared_ptr<TokenCell> cell) const {
  return wait_for(mine, std::move(cell),
                  [](TokenDesk& desk, const TokenCell& of, Done done) { desk.ask(of, std::move(done)); });
}

net::Task<Result<void>> TokenLine::wait_for_another(net::Loop& mine, std::shared_ptr<TokenCell> cell,
                                                    std::uint64_t lost) const {
  return wait_for(mine, std::move(cell), [lost](TokenDesk& desk, const TokenCell& of, Done done) {
    desk.lost(of, lost, std::move(done));
  });
}

void TokenLine::lost(std::shared_ptr<TokenCell> cell, std::uint64_t number) const {
  control_.post([&desk = desk_, cell = std::move(cell), number] { desk.lost(*cell, number, {}); });
}

void TokenLine::lost_in_vain(std::shared_ptr<TokenCell> cell) const {
  control_.post([&desk = desk_, cell = std::move(cell)] { desk.lost_in_vain(*cell); });
}

net::Task<Result<void>> wait_for_token(Worker& worker, Call& call) {
  const std::shared_ptr<TokenCell> cell = call.credential->tokens;
  auto outcome = co_await worker.shared.tokens->wait(worker.loop, cell);
  if (outcome.has_value() || outcome.error().code() == Code::kCancelled) co_return ok();  // decided anew
  const Monotonic now = worker.loop.now();
  const TokenCell::View& view = cell->look(worker.number);
  if (view.is_refused(now)) call.retry_after = seconds_until(view.refusal->until, now);
  co_return outcome;
}

Result<void> take_token(Worker& worker, Call& call) noexcept {
  if (!call.credential->tokens) return ok();
  const TokenCell::View& view = call.credential->tokens->look(worker.number);
  if (const auto* good = view.good(worker.loop.now()); good != nullptr) {
    call.token = *good;
    return ok();
  }
  return Error(Code::kNoCredential, Blame::kOperator,
               "the credential's token has run out, and there is no other yet");
}

}  // namespace claviger::gateway
