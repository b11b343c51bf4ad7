// SPDX-License-Identifier: Apache-2.0
#include "doors/probes/probes_door.h"

#include <array>
#include <utility>

#include "http/problem.h"

namespace claviger::doors {
namespace {

std::array<char, 29> date_now(http::ServerConnection& caller) noexcept {
  std::array<char, 29> date;
  const auto since_epoch = caller.stream().loop().wall_now().time_since_epoch();
  http::format_http_date(std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count(), date);
  return date;
}

}  // namespace

net::Task<void> ProbesDoor::handle(http::ServerConnection& caller) {
  const http::RequestHead& head = caller.head();
  if (head.minor == 0) caller.close_after_answer();  // as HTTP/1.0 expects unless told
  const bool reads = head.method == http::Method::kGet || head.method == http::Method::kHead;
  if (reads && head.path == "/healthz") co_return co_await answer(caller, 200, "text/plain", "ok\n");
  if (reads && head.path == "/readyz") {
    const bool ready = answers_.is_ready();
    co_return co_await answer(caller, ready ? 200 : 503, "text/plain", ready ? "ready\n" : "not ready\n");
  }
  if (reads && head.path == "/metrics")
    co_return co_await answer(caller, 200, "text/plain; version=0.0.4; charset=utf-8", answers_.metrics());
  const Error error(Code::kNoUpstream, Blame::kCaller, "this listener has /healthz, /readyz and /metrics");
  co_await problem(caller, error, head.method == http::Method::kHead);
}

net::Task<void> ProbesDoor::refuse(http::ServerConnection& caller, Error error) {
  co_await problem(caller, error, false);
}

net::Task<void> ProbesDoor::answer(http::ServerConnection& caller, unsigned status, std::string_view type,
                                   std::string body) {
  const gateway::RequestId id = request_ids_.next();
  const auto date = date_now(caller);
  http::HeadWriter out(caller.head_room());
  out.status_line(status, "");
  out.field("Date", {date.data(), date.size()});
  out.field("Content-Type", type);
  out.field("Content-Length", body.size());
  out.field("X-Request-Id", {id.data(), id.size()});
  http::write_security_headers(out, caller.is_tls());
  if (!caller.keeps_alive()) out.field("Connection", "close");
  out.end();
  caller.wrote(out.size());
  Result<void> sent = ok();
  if (caller.head().method != http::Method::kHead) sent = co_await caller.write(body);
  if (sent.has_value()) sent = co_await caller.flush();
  if (!sent.has_value()) caller.abort();
}

net::Task<void> ProbesDoor::problem(http::ServerConnection& caller, const Error& error, bool head_only) {
  const gateway::RequestId id = request_ids_.next();
  const auto date = date_now(caller);
  http::ProblemExtras extras;
  extras.close = !caller.keeps_alive();
  extras.head_only = head_only;
  extras.tls = caller.is_tls();
  http::HeadWriter out(caller.head_room());
  http::write_problem(out, error, {id.data(), id.size()}, {date.data(), date.size()}, extras);
  caller.wrote(out.size());
  if (const auto sent = co_await caller.flush(); !sent.has_value()) caller.abort();
}

}  // namespace claviger::doors
