// SPDX-License-Identifier: Apache-2.0
#include "gateway/answers.h"

#include <fmt/format.h>

#include <array>

namespace claviger::gateway {
namespace {

using telemetry::Counter;

Counter counter_of(Code code) noexcept {
  switch (code) {
    case Code::kBadRequest:
      return Counter::kRefusedBadRequest;
    case Code::kUnauthenticated:
      return Counter::kRefusedUnauthenticated;
    case Code::kDenied:
      return Counter::kRefusedDenied;
    case Code::kNoUpstream:
      return Counter::kRefusedNoUpstream;
    case Code::kHeadTooLarge:
    case Code::kTooLarge:
      return Counter::kRefusedTooLarge;
    case Code::kLimited:
      return Counter::kRefusedLimited;
    case Code::kNoCredential:
      return Counter::kRefusedNoCredential;
    case Code::kUpstreamFailed:
      return Counter::kRefusedUpstreamFailed;
    case Code::kUpstreamTimeout:
      return Counter::kRefusedUpstreamTimeout;
    default:
      return Counter::kRefusedUnavailable;
  }
}

constexpr std::uint32_t kRetryNoCredential = 30;  // seconds; nothing better is known
constexpr std::uint32_t kRetryUnavailable = 5;
constexpr std::uint32_t kRetryShare = 1;

// RateLimit and RateLimit-Policy, as draft-ietf-httpapi-ratelimit-headers has them.
struct RateLimitText {
  std::array<char, 64> limit;
  std::array<char, 64> policy;
};

http::ProblemExtras extras_for_quota(const Call& call, RateLimitText& text) {
  http::ProblemExtras extras;
  const policy::Quota& quota = *call.grant->quota;
  extras.retry_after_seconds = call.quota.reset_seconds;
  const auto limit =
      fmt::format_to_n(text.limit.data(), text.limit.size(), "\"quota\";r=0;t={}", call.quota.reset_seconds);
  const auto policy = fmt::format_to_n(text.policy.data(), text.policy.size(), "\"quota\";q={};w={}",
                                       quota.calls, quota.window.count());
  extras.rate_limit = {text.limit.data(), std::min(limit.size, text.limit.size())};
  extras.rate_limit_policy = {text.policy.data(), std::min(policy.size, text.policy.size())};
  return extras;
}

http::ProblemExtras extras_for(const Call& call, const policy::Rate& address_rate, Code code,
                               RateLimitText& text) {
  http::ProblemExtras extras;
  if (code == Code::kNoCredential)
    extras.retry_after_seconds = call.retry_after > 0 ? call.retry_after : kRetryNoCredential;
  if (code == Code::kUpstreamFailed) extras.retry_after_seconds = call.retry_after;  // of a token endpoint
  if (code == Code::kUnavailable) extras.retry_after_seconds = kRetryUnavailable;
  if (code != Code::kLimited) return extras;
  if (call.has_its_share) {
    extras.retry_after_seconds = kRetryShare;  // it is no rate, so there is none to describe
    return extras;
  }
  if (call.grant != nullptr && call.quota.kind == policy::QuotaDecision::Kind::kExhausted)
    return extras_for_quota(call, text);
  const bool is_grant = call.grant != nullptr && call.grant->rate.has_value();
  const policy::Rate rate = is_grant ? *call.grant->rate : address_rate;
  const std::string_view name = is_grant ? "grant" : "address";
  extras.retry_after_seconds = std::max<std::uint32_t>(call.limit.reset_seconds, 1);
  const auto limit = fmt::format_to_n(text.limit.data(), text.limit.size(), "\"{}\";r={};t={}", name,
                                      call.limit.remaining, extras.retry_after_seconds);
  const auto policy = fmt::format_to_n(text.policy.data(), text.policy.size(), "\"{}\";q={};w={}", name,
                                       rate.calls, rate.window.count());
  extras.rate_limit = {text.limit.data(), std::min(limit.size, text.limit.size())};
  extras.rate_limit_policy = {text.policy.data(), std::min(policy.size, text.policy.size())};
  return extras;
}

// Of a caller's connection. Where the operating system refused us something, the caller is there to be told.
bool is_nobody_there(Code code) noexcept {
  return code == Code::kClosed || code == Code::kCancelled || code == Code::kTimeout;
}

}  // namespace

net::Task<void> answer_with_problem(Worker& worker, http::ServerConnection& caller, Call& call,
                                    const Error& error) {
  if (call.revoked) {
    call.outcome = "revoked";
    worker.metrics.add(Counter::kCallsRevoked);
    caller.abort();
    co_return;
  }
  call.outcome = http::problem_kind(error.code()).code;
  if (!is_nobody_there(error.code())) worker.failures.note(call, error);
  if (caller.answer_began() || is_nobody_there(error.code())) {
    const bool gone = is_nobody_there(error.code());
    worker.metrics.add(gone ? Counter::kCallerGone : Counter::kAnswersBrokenOff);
    caller.abort();
    co_return;
  }
  worker.metrics.add(counter_of(error.code()));
  if (call.head != nullptr && call.head->minor == 0)
    caller.close_after_answer();  // as HTTP/1.0 expects unless told
  // Who sends what has two readings may mean what follows for somebody else.
  if (error.code() == Code::kBadRequest) caller.close_after_answer();
  call.status = http::problem_kind(error.code()).status;
  RateLimitText text;
  http::ProblemExtras extras = extras_for(call, worker.settings.unauthenticated, error.code(), text);
  extras.challenge = error.code() == Code::kUnauthenticated;
  extras.close = !caller.keeps_alive();
  extras.head_only = call.head != nullptr && call.head->method == http::Method::kHead;
  extras.tls = caller.is_tls();
  std::array<char, 29> date;
  http::format_http_date(
      std::chrono::duration_cast<std::chrono::seconds>(call.wall.time_since_epoch()).count(), date);
  http::HeadWriter out(caller.head_room());
  http::write_problem(out, error, call.id(), {date.data(), date.size()}, extras);
  caller.wrote(out.size());
  if (const auto sent = co_await caller.flush(); !sent.has_value()) caller.abort();
}

}  // namespace claviger::gateway
