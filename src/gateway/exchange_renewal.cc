// SPDX-License-Identifier: Apache-2.0
// An answer that says that the upstream does not know the session any more.
#include "base/parse.h"
#include "credentials/token.h"
#include "gateway/exchange.h"
#include "gateway/token_wait.h"

namespace claviger::gateway {
namespace {

constexpr std::size_t kMostLooked = 4096;  // of an answer's body: those that are meant are short

bool is_json(const http::ResponseHead& answer) noexcept {
  const http::Field* const field = answer.fields.find(http::FieldName::kContentType);
  constexpr std::string_view kJson = "application/json";
  return field != nullptr && base::equals_ignore_case(field->value.substr(0, kJson.size()), kJson);
}

}  // namespace

// By status; or, where the credential's settings say so, by what is in the body.
net::Task<Result<bool>> Exchange::is_session_lost() {
  const http::ResponseHead& answer = upstream_.head();
  const credentials::TokenFetcher& fetcher = *call_.credential->credential->fetcher();
  if (fetcher.is_lost(answer.status)) co_return true;
  if (!fetcher.looks_at_bodies() || !is_json(answer) || upload_.is_running()) co_return false;
  net::Buffer body(worker_.buffers);
  if (!CLV_CO_TRY(co_await upstream_.peek_body(body, kMostLooked, timeouts_.idle))) co_return false;
  co_return fetcher.is_lost(body.filled(), worker_.scratch.arena());
}

// Whatever the method: an answer of 401 says that the request was not applied (RFC 9110 section 15.5.2), and so do the answers that
// the settings name. But all of the request must be at hand, and nothing of an answer may have been seen.
bool Exchange::can_be_sent_again() const noexcept {
  return copy_.is_whole() && request_sent_ && !upload_.is_running() && !upload_error_ && !interim_relayed_ &&
         !caller_.answer_began() && !caller_gone_ && !interruption_.has_come();
}

// Once for each call. The answer waits where it is, and goes to the caller when no other token is to be had.
net::Task<Result<void>> Exchange::renew_session() {
  if (!CLV_CO_TRY(co_await is_session_lost())) co_return ok();
  const TokenLine& tokens = *worker_.shared.tokens;
  const std::shared_ptr<TokenCell> cell = call_.credential->tokens;
  if (call_.has_another_token) {
    tokens.lost_in_vain(cell);
    co_return ok();
  }
  if (!can_be_sent_again()) {
    tokens.lost(cell, call_.token->number);
    co_return ok();
  }
  const Monotonic since = worker_.loop.now();
  const auto another = co_await tokens.wait_for_another(worker_.loop, cell, call_.token->number);
  call_.waited += std::chrono::duration_cast<std::chrono::microseconds>(worker_.loop.now() - since);
  if (interruption_.has_come() || caller_gone_)
    co_return Error(Code::kCancelled, Blame::kGateway, "nobody waits for an answer any more");
  has_another_token_ = another.has_value();
  co_return ok();
}

}  // namespace claviger::gateway
