// SPDX-License-Identifier: Apache-2.0
#include "doors/admin/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "http/problem.h"

namespace claviger::doors::admin {
namespace {

constexpr std::size_t kSlice = 64 << 10;  // every slice that a caller takes wins it time for the next
constexpr std::uint32_t kRetryUnavailable = 5;  // seconds

std::array<char, 29> http_date(WallTime wall) noexcept {
  std::array<char, 29> date;
  http::format_http_date(std::chrono::floor<std::chrono::seconds>(wall).time_since_epoch().count(), date);
  return date;
}

// Nothing that ends a field, and nothing that a terminal acts on.
std::string printable(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

Result<void> write_head(AdminCall& call, const Answer& answer, std::size_t size) {
  const auto date = http_date(call.wall);
  http::HeadWriter out(call.caller.head_room());
  out.status_line(answer.status, "");
  out.field("Date", {date.data(), date.size()});
  if (answer.status != 204) {
    out.field("Content-Type", answer.type);
    out.field("Content-Length", size);
  }
  out.field("X-Request-Id", call.id());
  http::write_security_headers(out, call.caller.is_tls());
  for (const auto& [name, value] : answer.fields) out.field(name, printable(value));
  if (!call.caller.keeps_alive()) out.field("Connection", "close");
  out.end();
  if (!out.fits()) return Error(Code::kInternal, Blame::kGateway, "the answer's head does not fit");
  call.caller.wrote(out.size());
  return ok();
}

http::ProblemExtras extras_for(const AdminCall& call, Code code) {
  http::ProblemExtras extras;
  if (code == Code::kLimited)
    extras.retry_after_seconds = std::max<std::uint32_t>(call.limit.reset_seconds, 1);
  if (http::problem_kind(code).status == 503) extras.retry_after_seconds = kRetryUnavailable;
  if (code == Code::kMethodNotAllowed) extras.allow = call.allow;
  extras.close = !call.caller.keeps_alive();
  extras.head_only = call.head != nullptr && call.head->method == http::Method::kHead;
  extras.for_operator = !call.actor.principal.empty();
  extras.tls = call.caller.is_tls();
  return extras;
}

}  // namespace

net::Task<Result<void>> write_answer(AdminCall& call, Answer answer, std::vector<std::string_view> pieces) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  CLV_CO_TRY_VOID(write_head(call, answer, size));
  call.status = answer.status;
  Result<void> sent = ok();
  const bool head_only = call.head->method == http::Method::kHead || answer.status == 204;
  for (std::size_t i = 0; !head_only && i < pieces.size() && sent.has_value(); ++i) {
    for (std::string_view rest = pieces[i]; !rest.empty() && sent.has_value();) {
      const std::string_view slice = rest.substr(0, kSlice);
      rest.remove_prefix(slice.size());
      sent = co_await call.caller.write(slice);
    }
  }
  if (sent.has_value()) sent = co_await call.caller.flush();
  if (!sent.has_value()) call.caller.abort();
  co_return sent;
}

net::Task<void> write_failure(AdminCall& call, const policy::Rate& rate, Error error) {
  if (call.caller.is_aborted() || call.caller.answer_began()) {
    call.status = 0;
    co_return call.caller.abort();
  }
  // What a resource says wrongly is the caller's to put right.
  if (error.code() == Code::kInvalid && error.blame() == Blame::kCaller)
    error = bad_request(std::string(error.what()));
  call.status = http::problem_kind(error.code()).status;
  http::ProblemExtras extras = extras_for(call, error.code());
  std::string limit;
  std::string policy;
  if (error.code() == Code::kLimited) {
    limit = fmt::format("\"address\";r={};t={}", call.limit.remaining, extras.retry_after_seconds);
    policy = fmt::format("\"address\";q={};w={}", rate.calls, rate.window.count());
    extras.rate_limit = limit;
    extras.rate_limit_policy = policy;
  }
  const auto date = http_date(call.wall);
  http::HeadWriter out(call.caller.head_room());
  http::write_problem(out, error, call.id(), {date.data(), date.size()}, extras);
  call.caller.wrote(out.size());
  if (const auto sent = co_await call.caller.flush(); !sent.has_value()) call.caller.abort();
}

}  // namespace claviger::doors::admin
